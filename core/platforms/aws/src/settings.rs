//! Where instances are made, what they are, and who gets in.

use std::collections::BTreeMap;

use justmanage_model::Secret;

/// How this crate uses EC2.
#[derive(Clone, Debug)]
pub struct AwsSettings {
    /// The region.
    pub region: String,
    /// Where EC2 answers, if not where it always does: a VPC's endpoint, or a test's.
    pub endpoint: Option<String>,
    /// `None`: those of the environment, the shared files or the machine's role, as every tool for AWS finds them.
    pub keys: Option<Keys>,
    /// In which part of the region.
    pub network: Subnets,
    /// Types of instances that are allowed, in the order in which to try them; none: the smallest that fits of those made for memory or
    /// for general use.
    pub instance_types: Vec<String>,
    /// What instances boot.
    pub image: Image,
    /// The name of the instance profile that instances have.
    pub instance_profile: Option<String>,
    /// The key that disks are encrypted with; `None`: the account's own for EBS.
    pub kms_key: Option<String>,
    /// From where clients get in.
    pub allowed_cidrs: Vec<String>,
    /// Security groups whose members get in as clients.
    pub allowed_security_groups: Vec<String>,
    /// From where operators get to the agents.
    pub operator_cidrs: Vec<String>,
    /// More tags for everything that is made, such as whom it is billed to.
    pub tags: BTreeMap<String, String>,
}

/// In which part of a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subnets {
    /// These, of one VPC: one for each zone that is allowed.
    These(Vec<String>),
    /// Those of the default VPC.
    Default,
    /// All of the region, whosever they are: what is there is found, and nothing can be made.
    Anywhere,
}

/// An access key.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: Secret<String>,
    /// Of a temporary one: its session.
    pub session: Option<Secret<String>>,
}

/// What instances boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Image {
    /// What a public parameter of SSM says at the time, by what `uname -m` says on the machine. EC2 looks it up itself.
    Parameters(BTreeMap<String, String>),
    /// Images, by the same.
    Own(BTreeMap<String, String>),
}

impl Image {
    /// Debian 12, as Debian publishes it
    /// ([parameters](https://wiki.debian.org/Cloud/AmazonEC2Image/Bookworm)).
    #[must_use]
    pub fn debian() -> Self {
        let path = |arch: &str| format!("/aws/service/debian/release/12/latest/{arch}");
        Self::Parameters([("x86_64".to_owned(), path("amd64")), ("aarch64".to_owned(), path("arm64"))].into())
    }

    /// Ubuntu 24.04, as Canonical publishes it
    /// ([parameters](https://documentation.ubuntu.com/aws/aws-how-to/instances/find-ubuntu-images/)).
    #[must_use]
    pub fn ubuntu() -> Self {
        let path =
            |arch: &str| format!("/aws/service/canonical/ubuntu/server/24.04/stable/current/{arch}/hvm/ebs-gp3/ami-id");
        Self::Parameters([("x86_64".to_owned(), path("amd64")), ("aarch64".to_owned(), path("arm64"))].into())
    }

    /// As the creating call takes it, for a processor.
    pub(crate) fn id_for(&self, machine: &str) -> Option<String> {
        match self {
            Self::Parameters(paths) => paths.get(machine).map(|path| format!("resolve:ssm:{path}")),
            Self::Own(ids) => ids.get(machine).cloned(),
        }
    }

    /// The processors for which there is an image.
    pub(crate) fn machines(&self) -> impl Iterator<Item = &str> {
        let (Self::Parameters(images) | Self::Own(images)) = self;
        images.keys().map(String::as_str)
    }
}
