//! `aws` of the provider block: with which keys EC2 is asked, and where.

#[cfg(feature = "aws")]
use std::collections::{BTreeMap, BTreeSet};

#[cfg(feature = "aws")]
use justmanage_core::cloud::aws as ec2;
use justmanage_model::Secret;
use tfkit::model::View;
use tfkit::{Diagnostic, Diagnostics, Model, Path};

#[cfg(feature = "aws")]
use crate::cluster::Aws;

/// How AWS is asked. Without any of it, as every tool for AWS is: keys of the environment, of the shared files (`~/.aws`), of single
/// sign-on, or of the role of the machine.
#[derive(Model)]
pub(crate) struct AwsSettings {
    /// The id of an access key. It may be ephemeral, and stays in memory.
    #[tf(optional)]
    access_key: Option<String>,
    /// Its secret.
    #[tf(optional, sensitive)]
    secret_key: Option<String>,
    /// The session of a temporary one.
    #[tf(optional, sensitive)]
    session_token: Option<String>,
    /// Where EC2 answers, if not where it always does: an endpoint of your VPC, such as `https://vpce-....ec2.eu-central-1.vpce.amazonaws.com`.
    #[tf(optional)]
    endpoint: Option<String>,
}

/// How AWS is asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Access {
    /// Id, secret and session of an access key.
    pub(super) keys: Option<(String, Secret<String>, Option<Secret<String>>)>,
    pub(super) endpoint: Option<String>,
}

/// Checks what one attribute alone cannot say.
pub(super) fn validate(settings: &View<AwsSettings>, report: &mut Diagnostics) {
    let (id, secret) = (&settings.access_key, &settings.secret_key);
    let alone = [("access_key", id, secret), ("secret_key", secret, id)];
    for (name, _, _) in alone.into_iter().filter(|(_, one, other)| !one.is_null() && other.is_null()) {
        report.push(wrong(
            name,
            "An access key has an id and a secret: give `access_key` and `secret_key`, or neither of them.",
        ));
    }
    if !settings.session_token.is_null() && id.is_null() {
        report.push(wrong(
            "session_token",
            "A session belongs to an access key: give `access_key` and `secret_key` too.",
        ));
    }
    if settings.endpoint.known().is_some_and(|text| !text.starts_with("https://") && !text.starts_with("http://")) {
        report.push(wrong("endpoint", "It begins with https://, or with http:// for a test."));
    }
}

fn wrong(name: &str, detail: &str) -> Diagnostic {
    Diagnostic::error("AWS settings not usable", detail).at(Path::attribute("aws").attr(name))
}

/// EC2 as a cluster's block says; without one, in this region, wherever there something is.
#[cfg(feature = "aws")]
pub(super) fn ec2(access: &Access, region: &str, aws: Option<&Aws>) -> ec2::AwsSettings {
    let keys = access.keys.clone().map(|(id, secret, session)| ec2::Keys { id, secret, session });
    let list = |list: &Option<BTreeSet<String>>| list.iter().flatten().cloned().collect::<Vec<_>>();
    let mut settings = ec2::AwsSettings {
        region: region.to_owned(),
        endpoint: access.endpoint.clone(),
        keys,
        network: ec2::Subnets::Anywhere,
        instance_types: Vec::new(),
        image: ec2::Image::debian(),
        instance_profile: None,
        kms_key: None,
        allowed_cidrs: Vec::new(),
        allowed_security_groups: Vec::new(),
        operator_cidrs: Vec::new(),
        tags: BTreeMap::new(),
    };
    let Some(aws) = aws else { return settings };
    settings.network = match &aws.subnets {
        Some(_) => ec2::Subnets::These(list(&aws.subnets)),
        None => ec2::Subnets::Default,
    };
    settings.image = match (&aws.images, aws.image.as_deref()) {
        (Some(images), _) => ec2::Image::Own(images.clone()),
        (None, Some("ubuntu")) => ec2::Image::ubuntu(),
        (None, _) => ec2::Image::debian(),
    };
    settings.instance_types = aws.instance_types.clone().unwrap_or_default();
    settings.instance_profile.clone_from(&aws.instance_profile);
    settings.kms_key.clone_from(&aws.kms_key);
    settings.allowed_cidrs = list(&aws.allowed_cidrs);
    settings.allowed_security_groups = list(&aws.allowed_security_groups);
    settings.operator_cidrs = aws.operator_cidrs.iter().cloned().collect();
    settings.tags = aws.tags.clone().unwrap_or_default();
    settings
}

impl From<Option<AwsSettings>> for Access {
    fn from(settings: Option<AwsSettings>) -> Self {
        let Some(AwsSettings { access_key, secret_key, session_token, endpoint }) = settings else {
            return Self::default();
        };
        let keys = access_key.zip(secret_key);
        let keys = keys.map(|(id, secret)| (id, Secret::new(secret), session_token.map(Secret::new)));
        Self { keys, endpoint }
    }
}
