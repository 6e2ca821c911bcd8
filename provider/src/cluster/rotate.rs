//! `rotate`: from attributes to what the core understands, and back.

use justmanage_model::failure::Invalid;
use justmanage_model::spec::{AUTHORITY_GRACE_MAX, WORD_MAX};
use justmanage_model::{Failure, FieldPath, Interval, Rotate as Wanted};

use super::model::Rotate;

/// A word that can be kept.
pub(super) fn word(text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > WORD_MAX || text.chars().any(char::is_control) {
        return Err(format!("It is empty, longer than {WORD_MAX} bytes, or not printable."));
    }
    Ok(())
}

/// A grace that can be given.
pub(super) fn grace(text: &str) -> Result<(), String> {
    let grace = text.parse::<Interval>().map_err(|error| error.to_string())?;
    if grace > AUTHORITY_GRACE_MAX {
        return Err(format!("{grace} is longer than {AUTHORITY_GRACE_MAX}."));
    }
    Ok(())
}

/// What it asks for.
pub(super) fn wanted(rotate: Option<&Rotate>) -> Result<Wanted, Failure> {
    let Some(rotate) = rotate else { return Ok(Wanted::NOTHING) };
    let about = || FieldPath::of("rotate").attribute("authority_grace");
    let grace = rotate.authority_grace.as_deref().map(str::parse::<Interval>).transpose();
    Ok(Wanted {
        certificates: rotate.certificates.clone(),
        authority: rotate.authority.clone(),
        replication_password: rotate.replication_password.clone(),
        authority_grace: grace.map_err(|invalid: Invalid| invalid.at(about()))?,
    })
}

/// As it is written, if that is what the Record has; otherwise as the Record has it.
pub(super) fn keep_or_take(written: &mut Option<Rotate>, kept: &Wanted) {
    if wanted(written.as_ref()).ok().as_ref() == Some(kept) {
        return;
    }
    let Wanted { certificates, authority, replication_password, authority_grace } = kept.clone();
    let authority_grace = authority_grace.map(|grace| grace.to_string());
    let taken = Rotate { certificates, authority, replication_password, authority_grace };
    *written = (!kept.is_nothing()).then_some(taken);
}
