//! `ssh` of the provider block: who logs in to servers, and which hosts are known.
//!
//! Nothing of it is shown, not even a path: who puts a key where a path belongs would read it in a log.

use std::path::PathBuf;
use std::time::Duration;

use justmanage_core::operator::expand;
use justmanage_core::servers::{Credentials, SshError, agent_of_user, check_key};
use justmanage_model::{Failure, Interval, Secret};
use tfkit::model::View;
use tfkit::{Diagnostic, Diagnostics, Model, Path};

/// What begins every private key, whatever its format.
const PEM: &str = "-----BEGIN";
/// Least and most time to a login: less than that and a jump host across an ocean is none; more, and an apply hangs.
const TIMEOUT: [Interval; 2] = [Interval::seconds(1), Interval::seconds(600)];
/// The headline of everything that is wrong here.
const SUMMARY: &str = "SSH settings not usable";

/// How servers of your own (`justmanage_server_pool`) are reached.
#[derive(Model)]
pub(crate) struct SshSettings {
    /// A private key to log in with, in full: Ed25519 or ECDSA, as `ssh-keygen` writes it. It may be ephemeral, and stays in memory.
    /// (RSA keys, and those on security tokens, are used through an SSH agent alone.)
    #[tf(optional, sensitive)]
    private_key: Option<String>,
    /// The path of another one, which is tried after `private_key`. `~/` is the home directory.
    #[tf(optional)]
    private_key_file: Option<String>,
    /// The passphrase of these keys, of those that have one.
    #[tf(optional, sensitive)]
    passphrase: Option<String>,
    /// Whether the SSH agent of the environment (`SSH_AUTH_SOCK`) is asked when no key was taken. By default it is where neither
    /// `private_key` nor `private_key_file` is given; then the keys `~/.ssh/id_ed25519` and `~/.ssh/id_ecdsa` are tried, too, if they
    /// have no passphrase. With `true` and no key, it alone is asked.
    #[tf(optional)]
    agent: Option<bool>,
    /// Files that say which key a host has (`known_hosts`), for hosts whose keys the pool does not pin. Without it,
    /// `~/.ssh/known_hosts`; with an empty list only pinned keys are believed. Nothing is ever written into them.
    #[tf(optional)]
    known_hosts_files: Option<Vec<String>>,
    /// How long a login may take, through jump hosts where there are any, such as `20s` (the default); at most `10m`.
    #[tf(optional, validate = timeout, says = "a span of time such as `20s`, from `1s` to `10m`")]
    connect_timeout: Option<String>,
}

/// Checks what can be told without looking anywhere.
pub(super) fn validate(settings: &View<SshSettings>, report: &mut Diagnostics) {
    let mut refuse = |name: &str, detail: &str| report.push(Diagnostic::error(SUMMARY, detail).at(at(name)));
    if let Some(key) = settings.private_key.known()
        && let Err(problem) = look_at(key, !settings.passphrase.is_null())
    {
        refuse("private_key", &problem);
    }
    if settings.private_key_file.known().is_some_and(|path| path.contains(PEM)) {
        refuse(
            "private_key_file",
            "This is a private key, and no path of one.\n\nGive it as `private_key`. If this configuration has been stored or shared, \
             make a new key.",
        );
    }
    let no_keys = settings.private_key.is_null() && settings.private_key_file.is_null();
    if no_keys && !settings.passphrase.is_null() {
        refuse(
            "passphrase",
            "There is no key that it could be of.\n\nGive `private_key` or `private_key_file`, or put the key into an SSH agent \
             (ssh-add), which then needs no passphrase here.",
        );
    }
}

/// What is wrong with a key, without a word of it.
fn look_at(key: &str, has_passphrase: bool) -> Result<(), String> {
    if !key.contains(PEM) {
        return Err("This is no private key: its first and last line say BEGIN and END. What stands here is not repeated.\n\nGive the \
                    whole text, as file(\"...\") reads it; the path of a key belongs into `private_key_file`."
            .to_owned());
    }
    check_key(key, has_passphrase).map_err(|error| match error {
        SshError::Keys { why, hint } => format!("The private key cannot be used: {why}.\n\n{hint}"),
        other => format!("The private key cannot be used: {other}."),
    })
}

/// Ways to log in, as they are written; looked at when a server is to be asked.
pub(crate) struct Logins {
    key: Option<Secret<String>>,
    file: Option<Secret<PathBuf>>,
    passphrase: Option<Secret<String>>,
    agent: Option<Agent>,
    known_hosts: Option<Vec<PathBuf>>,
    timeout: Option<Duration>,
}

/// What is said of the SSH agent.
enum Agent {
    /// It is asked, and listens here.
    At(PathBuf),
    /// It is not asked.
    Never,
}

impl Logins {
    /// As the provider block says it. Nothing is read but the environment.
    ///
    /// # Errors
    /// An SSH agent is to be asked, and there is none.
    pub(super) fn new(settings: Option<SshSettings>) -> Result<Self, Diagnostic> {
        let Some(settings) = settings else {
            return Ok(Self { key: None, file: None, passphrase: None, agent: None, known_hosts: None, timeout: None });
        };
        let agent = match settings.agent {
            None => None,
            Some(false) => Some(Agent::Never),
            Some(true) => Some(Agent::At(agent_of_user().ok_or_else(no_agent)?)),
        };
        let timeout = settings.connect_timeout.as_deref().map(str::parse::<Interval>).transpose();
        let timeout = timeout
            .map_err(|invalid| Diagnostic::error(invalid.summary, invalid.to_string()).at(at("connect_timeout")))?;
        Ok(Self {
            key: settings.private_key.map(Secret::new),
            file: settings.private_key_file.map(|path| Secret::new(expand(&path))),
            passphrase: settings.passphrase.map(Secret::new),
            agent,
            known_hosts: settings.known_hosts_files.map(|files| files.iter().map(|file| expand(file)).collect()),
            timeout: timeout.map(Interval::duration),
        })
    }

    /// What logs in: the key that is given, then the one of the file, then the SSH agent; what `ssh` would use, if nothing is given.
    ///
    /// # Errors
    /// A key cannot be used.
    pub(crate) fn credentials(&self) -> Result<Credentials, Failure> {
        let nothing = self.key.is_none() && self.file.is_none();
        let mut credentials = match &self.agent {
            None if nothing => Credentials::of_user(),
            Some(Agent::Never) if nothing => Credentials::of_user().without_agent(),
            None | Some(Agent::Never) => Credentials::none(),
            Some(Agent::At(socket)) => Credentials::none().and_agent(socket),
        };
        let passphrase = self.passphrase.as_ref().map(|passphrase| passphrase.expose().as_str());
        if let Some(key) = &self.key {
            credentials =
                credentials.and_key(key.expose(), passphrase).map_err(|error| unusable("`ssh.private_key`", &error))?;
        }
        if let Some(file) = &self.file {
            let by = "The key that `ssh.private_key_file` names";
            let text = std::fs::read_to_string(file.expose()).map_err(|error| unreadable(&error))?;
            credentials = credentials.and_key(&text, passphrase).map_err(|error| unusable(by, &error))?;
        }
        if let Some(files) = &self.known_hosts {
            credentials = credentials.with_known_hosts_of(files);
        }
        Ok(match self.timeout {
            Some(timeout) => credentials.with_limit(timeout),
            None => credentials,
        })
    }
}

fn at(name: &str) -> Path {
    Path::attribute("ssh").attr(name)
}

fn no_agent() -> Diagnostic {
    Diagnostic::error(
        SUMMARY,
        "An SSH agent is to be asked, and SSH_AUTH_SOCK does not say where one listens.\n\nStart one (eval \"$(ssh-agent)\"; ssh-add), \
         or give `private_key` or `private_key_file`.",
    )
    .at(at("agent"))
}

fn unusable(what: &str, error: &SshError) -> Failure {
    match error {
        SshError::Keys { why, hint } => Failure::new(SUMMARY, format!("{what} cannot be used: {why}.")).hint(hint),
        other => Failure::new(SUMMARY, format!("{what} cannot be used: {other}.")),
    }
}

fn unreadable(error: &std::io::Error) -> Failure {
    let detail = format!(
        "`ssh.private_key_file` names no file that can be read: {error}. What stands there is not repeated here: it may be the key itself."
    );
    Failure::new(SUMMARY, detail).hint(
        "Give the path of a private key that the user who runs Terraform may read, or the key itself as `private_key`.",
    )
}

fn timeout(text: &str) -> Result<(), String> {
    let [least, most] = TIMEOUT;
    let timeout = text.parse::<Interval>().map_err(|error| error.to_string())?;
    if timeout < least || timeout > most {
        return Err(format!("{timeout} is shorter than {least}, or longer than {most}."));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
