//! Key pairs: Ed25519, in PEM files that only their owner can read.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use justmanage_model::Pin;
use justmanage_steps::step;
use rcgen::PublicKeyData;
use ring::digest;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use zeroize::Zeroizing;

/// The name in every certificate. We never look at it; it is for clients that can only be told to trust a certificate under
/// a name, such as Prometheus (`server_name` beside `ca_file`).
pub const NAME: &str = "justmanage";

/// What stands before the 32 bytes of an Ed25519 private key in PKCS#8, in each of its spellings: the key's kind and two wrappings
/// ([RFC 8410, section 7](https://www.rfc-editor.org/rfc/rfc8410#section-7)). Before it are lengths and a version only, so what is
/// found first is this.
const BEFORE_SECRET: [u8; 9] = [0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// A private key with its public half. Debug shows only the pin.
pub struct KeyPair {
    key: rcgen::KeyPair,
    pin: Pin,
}

/// What is wrong with a key.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others than its owner can read it.
    #[error("{} can be read by others (mode {mode:03o}); it must be 600", path.display())]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It holds something else than an Ed25519 private key.
    #[error("it is not an Ed25519 private key in PEM (PKCS#8)")]
    NotAKey,
    /// It holds something else than an X25519 private key.
    #[error("it is not an X25519 private key in PEM (PKCS#8)")]
    NotASealingKey,
    /// The operating system gave no random numbers, or a certificate could not be built.
    #[error("a key or certificate could not be made: {0}")]
    Crypto(String),
}

impl KeyPair {
    /// A new key.
    ///
    /// # Errors
    /// [`IdentityError::Crypto`] without randomness.
    pub fn generate() -> Result<Self, IdentityError> {
        let key =
            rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).map_err(|e| IdentityError::Crypto(e.to_string()))?;
        Ok(Self::of(key))
    }

    /// The key in a PEM text.
    ///
    /// # Errors
    /// [`IdentityError::NotAKey`]. The text is not repeated in the error.
    pub fn from_pem(pem: &str) -> Result<Self, IdentityError> {
        let key =
            rcgen::KeyPair::from_pem_and_sign_algo(pem, &rcgen::PKCS_ED25519).map_err(|_| IdentityError::NotAKey)?;
        Ok(Self::of(key))
    }

    /// The key in a file.
    ///
    /// # Errors
    /// [`IdentityError::Exposed`] when others can read the file: then it may be theirs too.
    pub fn load(path: &Path) -> Result<Self, IdentityError> {
        Self::from_pem(&read_private(path)?)
    }

    /// A new key in a new file; directories above it are made, for the owner alone. A file that exists is never
    /// overwritten: of two that make the same key file at once, one gets an error and can load the other's.
    ///
    /// # Errors
    /// [`IdentityError::File`], also when the file exists.
    pub fn create(path: &Path) -> Result<Self, IdentityError> {
        let pair = Self::generate()?;
        write_private(path, &pair.key.serialize_pem())?;
        Ok(pair)
    }

    /// Who its holder is.
    pub fn pin(&self) -> Pin {
        self.pin
    }

    /// A certificate around the key, and the key as TLS wants it.
    pub(crate) fn credentials(&self) -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>), IdentityError> {
        let names = vec![NAME.to_owned()];
        let parameters = rcgen::CertificateParams::new(names).map_err(|e| IdentityError::Crypto(e.to_string()))?;
        let certificate = parameters.self_signed(&self.key).map_err(|e| IdentityError::Crypto(e.to_string()))?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        Ok((certificate.into(), key))
    }

    /// The private key itself: the same 32 bytes however its file is written. What is derived from it outlives the file's spelling.
    pub(crate) fn secret(&self) -> Result<Zeroizing<[u8; 32]>, IdentityError> {
        let der = Zeroizing::new(self.key.serialize_der());
        let before = der.windows(BEFORE_SECRET.len()).position(|part| part == BEFORE_SECRET);
        let secret = before.and_then(|at| der.get(at + BEFORE_SECRET.len()..)?.first_chunk::<32>());
        secret.copied().map(Zeroizing::new).ok_or(IdentityError::NotAKey)
    }

    fn of(key: rcgen::KeyPair) -> Self {
        let pin = pin_of(&key.subject_public_key_info());
        Self { key, pin }
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyPair").field(&self.pin).finish()
    }
}

/// What a private key's file holds.
///
/// # Errors
/// [`IdentityError::Exposed`] when others can read it: then it may be theirs too.
pub(crate) fn read_private(path: &Path) -> Result<String, IdentityError> {
    let fail = |source| IdentityError::File { path: path.to_owned(), source };
    let mode = fs::metadata(path).map_err(fail)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(IdentityError::Exposed { path: path.to_owned(), mode });
    }
    fs::read_to_string(path).map_err(fail)
}

/// A new file for a private key, and the directories above it, for the owner alone. Never over another.
pub(crate) fn write_private(path: &Path, pem: &str) -> Result<(), IdentityError> {
    let fail = |source| IdentityError::File { path: path.to_owned(), source };
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(fail)?;
    }
    sweep(path);
    // Written beside and moved into place: the file appears whole, or not at all, and never over another.
    // The name is this call's own: two threads that shared it would move each other's key.
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    let unfinished = path.with_extension(format!("{}-{call}.new", std::process::id()));
    let _ = fs::remove_file(&unfinished);
    let write = || -> io::Result<()> {
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        file.write_all(pem.as_bytes())?;
        file.sync_all()?;
        step!("key {}: written", path.file_name().unwrap_or_default().display());
        put_in_place(&unfinished, path)
    };
    let written = write();
    let _ = fs::remove_file(&unfinished);
    step!("key {}: in place", path.file_name().unwrap_or_default().display());
    written.map_err(fail)
}

/// Moves a file to a name that nobody has. In one step, so that whoever is killed leaves no second copy of a private key.
fn put_in_place(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // A file system that cannot do that, such as some network's.
        Err(Errno::INVAL | Errno::NOSYS) => fs::hard_link(from, to),
        moved => Ok(moved?),
    }
}

/// Removes what processes left that were killed while they wrote this file: a private key that nobody will ever use.
fn sweep(path: &Path) {
    let (Some(directory), Some(stem)) = (path.parent(), path.file_stem().and_then(|stem| stem.to_str())) else {
        return;
    };
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let call = name.strip_prefix(stem).and_then(|rest| rest.strip_prefix('.')?.strip_suffix(".new"));
        let writer = call.and_then(|call| call.split_once('-')).and_then(|(pid, _)| pid.parse::<u32>().ok());
        if writer.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// The pin of a public key (DER, SubjectPublicKeyInfo).
pub(crate) fn pin_of(public_key: &[u8]) -> Pin {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest::digest(&digest::SHA256, public_key).as_ref());
    Pin::from_digest(bytes)
}
