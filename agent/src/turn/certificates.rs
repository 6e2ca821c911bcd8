//! The server's certificate and the authorities that it trusts: files, and the running server.

use std::io;

use justmanage_engine::Certificate;
use justmanage_model::Record;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::Turn;
use super::act::StepError;
use crate::authority;

impl Turn {
    /// Makes sure that there is a certificate to start the server with: one for where the node is, that is valid, and that whoever
    /// follows the Record trusts. A server that shows another could not be reached, and so not be helped.
    pub(super) fn provide_certificate(&self, record: &Record) -> Result<(), StepError> {
        if record.spec.testing.plaintext {
            return Ok(());
        }
        self.write_authorities(record)?;
        let file = authority::server_files(&self.tools.directory, record).certificate;
        let kept = CertificateDer::from_pem_file(file).ok().and_then(|kept| Certificate::from_der(&kept));
        let now = (self.tools.clock)();
        let since = record.rotation.certificates_since;
        let fits = |kept: Certificate| kept.from <= now && now < kept.until && kept.issued >= since;
        match kept.is_some_and(fits) && !self.is_elsewhere() {
            true => Ok(()),
            false => self.issue(record),
        }
    }

    /// Issues the certificate anew, has the server show it, and shakes hands with it.
    pub(super) async fn renew(&mut self, record: &Record) -> Result<(), StepError> {
        self.issue(record)?;
        let files = authority::server_files(&self.tools.directory, record);
        let mut server = self.server(record).await?;
        let (certificate, key) = (files.certificate.to_string_lossy(), files.key.to_string_lossy());
        server.reload_certificate(&certificate, &key).await?;
        // Others connect anew, too: what they are shown is looked at by the same means.
        let server = self.tools.access.connect(record).await?;
        let shown = server.certificate().and_then(|shown| shown.issued);
        if shown != Some(record.generation) {
            return Err(StepError::Certificate);
        }
        self.put_back(server)
    }

    /// Has the server trust whom the Record trusts. First the files, then the server: one that is started in between trusts the
    /// same.
    pub(super) async fn apply_authorities(&mut self, record: &Record) -> Result<(), StepError> {
        self.write_authorities(record)?;
        self.write_config(record, &self.running(record))?;
        let files = authority::server_files(&self.tools.directory, record);
        let mut server = self.server(record).await?;
        server.reload_authorities(&files.authorities.to_string_lossy()).await?;
        authority::remove_others(&self.tools.directory, record)?;
        self.put_back(server)
    }

    fn write_authorities(&self, record: &Record) -> io::Result<()> {
        let directory = &self.tools.directory;
        directory.make(&directory.tls())?;
        let text = record.ca_certificate.as_deref().unwrap_or_default();
        directory.write_bytes(&authority::server_files(directory, record).authorities, text.as_bytes())
    }

    fn issue(&self, record: &Record) -> Result<(), StepError> {
        let secrets = self.tools.secrets.of(record)?;
        let (node, address) = (self.tools.info.claim.node, self.tools.info.client.ip());
        let name = record.name_of(node);
        let to = authority::Holder { node, address, name, generation: record.generation };
        let directory = &self.tools.directory;
        Ok(authority::issue(directory, record.cluster, &secrets.authority, to, (self.tools.clock)())?)
    }
}
