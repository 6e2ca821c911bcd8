//! The calls that the agent makes, typed. Each is safe to make twice. Those that concern the cluster are in [`cluster`], those that move
//! slots in `slots`.

use std::collections::BTreeMap;

use justmanage_model::{Release, Secret, User, UserName, user};

use crate::acl::{
    AGENT_USER, AppliedUsers, OwnUsers, REPLICATION_USER, agent_rules, default_rules, is_own, replication_rules,
    set_own_user, set_user,
};
use crate::connection::{CallError, Connection};
use crate::info::Fields;
use crate::probe::{PROBE_RULES, PROBE_USER};
use crate::resp::Reply;

pub mod cluster;
mod jobs;
pub(crate) mod slots;

impl Connection {
    /// Whether the server answers at all.
    ///
    /// # Errors
    /// As every call.
    pub async fn ping(&mut self) -> Result<(), CallError> {
        self.text(&["PING"]).await.map(|_| ())
    }

    /// `INFO`, the usual sections.
    ///
    /// # Errors
    /// As every call.
    pub async fn info(&mut self) -> Result<Fields, CallError> {
        self.text(&["INFO"]).await.map(|text| Fields::parse(&text))
    }

    /// `INFO` with what it does not say unasked: how often each command was called, and what that took.
    ///
    /// # Errors
    /// As every call.
    pub async fn info_all(&mut self) -> Result<Fields, CallError> {
        self.text(&["INFO", "all"]).await.map(|text| Fields::parse(&text))
    }

    /// How many entries the log of slow commands has now.
    ///
    /// # Errors
    /// As every call; [`CallError::Denied`] by a server that an agent of an earlier release has started.
    pub async fn slowlog_len(&mut self) -> Result<u64, CallError> {
        let reply = self.call(&["SLOWLOG", "LEN"]).await?;
        let length = if let Reply::Number(length) = reply { u64::try_from(length).ok() } else { None };
        length.ok_or_else(|| unexpected("SLOWLOG LEN", format!("{reply:?}")))
    }

    /// The values in force of these keys; a key that the server does not know has none.
    ///
    /// # Errors
    /// As every call.
    pub async fn config_get(&mut self, keys: &[&str]) -> Result<BTreeMap<String, String>, CallError> {
        let list = match keys {
            [] => Vec::new(),
            [_] => self.config_get_at_once(keys).await?,
            _ => match self.config_get_at_once(keys).await {
                Err(CallError::Refused { said, .. }) if wants_one_by_one(&said) => {
                    let mut list = Vec::new();
                    for key in keys {
                        list.extend(self.config_get_at_once(&[key]).await?);
                    }
                    list
                }
                other => other?,
            },
        };
        Ok(list.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect())
    }

    async fn config_get_at_once(&mut self, keys: &[&str]) -> Result<Vec<String>, CallError> {
        let arguments: Vec<&str> = ["CONFIG", "GET"].iter().chain(keys).copied().collect();
        self.texts(&arguments).await
    }

    /// Sets these keys: all, or none if one is refused. (Before Redis 7.0: one after the other, until one is refused.)
    ///
    /// # Errors
    /// [`CallError::Refused`] for a key that is unknown or cannot change, or a value that is not possible.
    pub async fn config_set(&mut self, values: &BTreeMap<String, String>) -> Result<(), CallError> {
        let pairs: Vec<&str> = values.iter().flat_map(|(key, value)| [key.as_str(), value.as_str()]).collect();
        if pairs.is_empty() {
            return Ok(());
        }
        match self.config_set_at_once(&pairs).await {
            Err(CallError::Refused { said, .. }) if values.len() > 1 && wants_one_by_one(&said) => {
                for pair in pairs.chunks_exact(2) {
                    self.config_set_at_once(pair).await?;
                }
                Ok(())
            }
            other => other,
        }
    }

    async fn config_set_at_once(&mut self, pairs: &[&str]) -> Result<(), CallError> {
        let arguments: Vec<&str> = ["CONFIG", "SET"].iter().chain(pairs).copied().collect();
        self.call(&arguments).await.map(|_| ())
    }

    /// Makes the server show the certificate that is in these files now to new connections; old ones live on.
    ///
    /// # Errors
    /// [`CallError::Refused`] if certificate and key do not fit; the server then keeps the old ones.
    pub async fn reload_certificate(&mut self, certificate: &str, key: &str) -> Result<(), CallError> {
        // Both in one call, or the server would look at a new certificate with an old key and refuse.
        self.call(&["CONFIG", "SET", "tls-cert-file", certificate, "tls-key-file", key]).await.map(|_| ())
    }

    /// Makes the server trust the authorities in this file, for new connections; old ones live on.
    ///
    /// # Errors
    /// [`CallError::Refused`] if there are none in it; the server then trusts whom it did.
    pub async fn reload_authorities(&mut self, authorities: &str) -> Result<(), CallError> {
        self.call(&["CONFIG", "SET", "tls-ca-cert-file", authorities]).await.map(|_| ())
    }

    /// Has the server log in to its primary with this password, from the next time on; a link that is open lives on.
    ///
    /// # Errors
    /// As every call.
    pub async fn set_replication_password(&mut self, password: &Secret<String>) -> Result<(), CallError> {
        self.call(&["CONFIG", "SET", "masterauth", password.expose()]).await.map(|_| ())
    }

    /// Every user in the server's words.
    ///
    /// # Errors
    /// As every call.
    pub async fn acl_list(&mut self) -> Result<Vec<String>, CallError> {
        self.texts(&["ACL", "LIST"]).await
    }

    /// Makes the server's users these, our own, and the `default` user that is off. (The agent's own is among them, and may do what
    /// it needs for this before and after.)
    ///
    /// Each user changes as one: who is logged in stays so unless the user goes away, replicas in particular; also with a
    /// password that is valid no more. Users that are not wanted are deleted, and their connections end
    /// ([`ACL DELUSER`](https://valkey.io/commands/acl-deluser/)). `release` is what the server runs.
    ///
    /// # Errors
    /// [`CallError::Refused`] with the server's words for a rule that this version does not know; users before it in the
    /// order of their names are then as wanted.
    pub async fn apply_users(
        &mut self,
        users: &BTreeMap<UserName, User>,
        release: &Release,
        own: &OwnUsers,
    ) -> Result<AppliedUsers, CallError> {
        // First of all, in case somebody switched it on.
        self.set_user("default", &default_rules(release, own.reach)).await?;
        self.set_user(AGENT_USER, &set_own_user(&[own.agent], &agent_rules(release, own.reach))).await?;
        let replication = replication_rules(release, own.reach);
        self.set_user(REPLICATION_USER, &set_own_user(&own.replication_passwords(), &replication)).await?;
        self.set_user(PROBE_USER, &set_own_user(&own.probe_passwords(), PROBE_RULES)).await?;
        for (name, user) in users {
            self.set_user(name.as_str(), &set_user(user, release)).await?;
        }
        for name in self.acl_list().await?.iter().filter_map(|line| line.split(' ').nth(1)) {
            if !is_own(name) && !users.keys().any(|user| user.as_str() == name) {
                self.call(&["ACL", "DELUSER", name]).await?;
            }
        }
        Ok(AppliedUsers::new(user::fingerprint(users), &self.acl_list().await?, own.reach))
    }

    async fn set_user(&mut self, name: &str, rules: &[String]) -> Result<(), CallError> {
        let mut arguments = vec!["ACL", "SETUSER", name];
        arguments.extend(rules.iter().map(String::as_str));
        self.call_named(&format!("the rules of user {name}"), &arguments).await.map(|_| ())
    }

    /// Starts a snapshot in the background; one that is under way already is as good.
    ///
    /// # Errors
    /// As every call.
    pub async fn background_save(&mut self) -> Result<(), CallError> {
        match self.call(&["BGSAVE"]).await {
            Err(CallError::Refused { said, .. }) if said.contains("already in progress") => Ok(()),
            other => other.map(|_| ()),
        }
    }

    /// Stops the server, its data saved. The answer is the end of the connection; whether the process is gone is for whoever
    /// holds it to see.
    ///
    /// # Errors
    /// [`CallError::NotNow`] while it writes its first append-only file, as a replica does after a full copy; it ends at no price
    /// before that is whole. [`CallError::Refused`] if the data could not be saved. In both cases the server runs on.
    pub async fn shutdown(&mut self) -> Result<(), CallError> {
        let persistent = self.config_get(&["appendonly"]).await?.get("appendonly").is_some_and(|value| value == "yes");
        // Without an append-only file, a server whose user set `save ""` would end without saving: a planned stop loses nothing.
        let arguments: &[&str] = if persistent { &["SHUTDOWN"] } else { &["SHUTDOWN", "SAVE"] };
        // Asked before and after: it may be whole by the time that we ask why not.
        let rewrites = persistent && self.rewrites_file().await?;
        match self.call(arguments).await {
            // The server closes the connection when it is done: that is the success.
            Err(CallError::Unreachable { .. }) => Ok(()),
            // It says no more than that there were errors. A rewrite of a file that is whole already does not hinder it.
            Err(CallError::Refused { call, .. }) if rewrites || self.rewrites_file().await? => {
                Err(CallError::NotNow { call, said: "the first append-only file is being written".to_owned() })
            }
            Err(error) => Err(error),
            Ok(reply) => Err(unexpected("SHUTDOWN", format!("{reply:?}"))),
        }
    }

    /// Whether the append-only file is being rewritten, or about to be.
    async fn rewrites_file(&mut self) -> Result<bool, CallError> {
        let info = self.info().await?;
        Ok(["aof_rewrite_in_progress", "aof_rewrite_scheduled"].iter().any(|field| info.number(field) == Some(1)))
    }

    async fn text(&mut self, arguments: &[&str]) -> Result<String, CallError> {
        match self.call(arguments).await? {
            Reply::Text(text) => Ok(text),
            // What users wrote into configuration, and is shown to people.
            Reply::Bytes(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            other => Err(unexpected(&arguments.join(" "), format!("{other:?}"))),
        }
    }

    async fn texts(&mut self, arguments: &[&str]) -> Result<Vec<String>, CallError> {
        let call = arguments.iter().take(2).copied().collect::<Vec<_>>().join(" ");
        let Reply::List(list) = self.call(arguments).await? else {
            return Err(unexpected(&call, "no list".to_owned()));
        };
        list.into_iter()
            .map(|item| match item {
                Reply::Text(text) => Ok(text),
                Reply::Bytes(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
                other => Err(unexpected(&call, format!("{other:?}"))),
            })
            .collect()
    }
}

/// Before Redis 7.0, `CONFIG GET` and `CONFIG SET` take one key each.
fn wants_one_by_one(said: &str) -> bool {
    said.contains("wrong number of arguments")
}

fn unexpected(call: &str, said: String) -> CallError {
    CallError::Unexpected { call: call.to_owned(), said: said.chars().take(200).collect() }
}

fn no_such_subcommand(said: &str) -> bool {
    // "ERR unknown subcommand 'X'. Try CLUSTER HELP." since Redis 7.0; "ERR Unknown subcommand or wrong number of arguments" before.
    said.contains("nknown subcommand")
}

/// A refusal that will not last, by a word of it.
fn not_now(error: CallError, words: &[&str]) -> CallError {
    match error {
        CallError::Refused { call, said } if words.iter().any(|word| said.contains(word)) => {
            CallError::NotNow { call, said }
        }
        other => other,
    }
}
