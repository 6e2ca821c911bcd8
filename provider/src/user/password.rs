//! The password of a user: given in one of two ways, and set when it changes.

use justmanage_core::manager::hash_password;
use justmanage_model::{Interval, PasswordHash, Secret};
use tfkit::model::View;
use tfkit::{Diagnostic, Diagnostics, Path, Plan};

use super::{User, invalid};

/// How long a password before another stays valid, by default: a day is enough for whatever is deployed daily.
pub(super) const GRACE: Interval = Interval::seconds(24 * 3600);

/// Longest grace: whoever changes passwords every three months has the old one valid until the next change.
const GRACE_MAX: Interval = Interval::seconds(90 * 24 * 3600);

/// Reports unless the password is given in exactly one way. What is not known yet is not judged.
pub(super) fn one_way(config: &View<User>, report: &mut Diagnostics) {
    let mut wrong = |attribute: &str, summary: &str, detail: &str| {
        report.push(Diagnostic::error(summary, detail).at(Path::attribute(attribute)));
    };
    let hashed = config.password_sha256.is_known();
    if config.password_wo.is_null() && config.password_sha256.is_null() {
        wrong(
            "password_wo",
            "Password missing",
            "The user has no password, so nobody could log in.\n\nGive password_wo, which is saved nowhere, together with \
             password_wo_version; or, where the tool has no write-only values, password_sha256, the SHA-256 of the password.",
        );
    }
    if config.password_wo.is_known() && hashed {
        wrong(
            "password_sha256",
            "Two passwords",
            "The password is given twice: by password_wo and by password_sha256.\n\nGive one of them, and leave the other out.",
        );
    } else if config.password_wo_version.is_known() && hashed {
        wrong(
            "password_wo_version",
            "Version without password_wo",
            "The version says when password_wo has changed, and the password is given by password_sha256, which shows that \
             itself.\n\nLeave password_wo_version out.",
        );
    }
}

/// The password as it is to be; only its hash goes on.
pub(super) fn of(plan: &Plan<User>) -> Result<PasswordHash, Diagnostics> {
    if let Some(hash) = &plan.password_sha256 {
        return hash.parse().map_err(|error| invalid("password_sha256", error));
    }
    match plan.config.password_wo.known() {
        Some(password) => Ok(hash_password(&Secret::new(password.clone()))),
        None => Err(Diagnostic::error(
            "No password",
            "The password is not known at this point, or it is null.\n\nGive password_wo a value that is known when \
             Terraform applies.",
        )
        .at(Path::attribute("password_wo"))
        .into()),
    }
}

/// The password that an update sets, if it sets one. A hash says itself whether it is another; setting the same changes nothing.
pub(super) fn change(prior: &User, plan: &Plan<User>) -> Result<Option<PasswordHash>, Diagnostics> {
    let other_way = prior.password_sha256.is_some() != plan.password_sha256.is_some();
    let other_version = prior.password_wo_version != plan.password_wo_version;
    let set = plan.password_sha256.is_some() || other_way || other_version;
    if set { of(plan).map(Some) } else { Ok(None) }
}

pub(super) fn not_empty(text: &str) -> Result<(), String> {
    if text.is_empty() {
        Err("The password is empty. Give one of at least 20 random characters.".into())
    } else {
        Ok(())
    }
}

pub(super) fn hash(text: &str) -> Result<(), String> {
    text.parse::<PasswordHash>().map(|_| ()).map_err(|error| error.to_string())
}

pub(super) fn grace(text: &str) -> Result<(), String> {
    let grace = text.parse::<Interval>().map_err(|error| error.to_string())?;
    if grace > GRACE_MAX {
        return Err(format!("A password that is replaced stays valid for {GRACE_MAX} at most; {text:?} is longer."));
    }
    Ok(())
}
