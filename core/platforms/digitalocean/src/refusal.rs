//! What a refusal means. The API has few codes (`unprocessable_entity`) and says the rest in words; these are the words that it is known
//! to use. Of others it is said what they are.

use std::time::Duration;

use justmanage_platform_cloud::ApiError;
use serde_json::Value;

/// Longest pause that is taken from an answer: whoever waits is to hear of it before long. The hourly limit is filled up all the time.
const LONGEST: u64 = 60;

/// A refusal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused<'a> {
    pub(crate) status: u16,
    /// Its body.
    pub(crate) text: &'a str,
    /// Whether something was to be taken away.
    pub(crate) is_delete: bool,
    /// Seconds after which to call again.
    pub(crate) retry_after: Option<u64>,
    /// When there are calls to be had again, as Unix time.
    pub(crate) reset: Option<i64>,
    /// What time it is there.
    pub(crate) now: Option<i64>,
}

/// What it means.
pub(crate) fn refusal(refused: &Refused<'_>) -> ApiError {
    let body: Value = serde_json::from_str(refused.text).unwrap_or_default();
    let (id, message) = (body["id"].as_str().unwrap_or_default(), body["message"].as_str().unwrap_or_default());
    let said = match (message, id) {
        ("", "") => format!("HTTP {}", refused.status),
        ("", id) => format!("{id} (HTTP {})", refused.status),
        (message, _) => format!("{} (HTTP {})", message.trim_end_matches('.'), refused.status),
    };
    let lower = message.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let is_limit = has(&["limit", "quota"]) && has(&["exceed", "reach", "maximum", "increase", "quota"]);
    match refused.status {
        429 => ApiError::Throttled { after: after(refused) },
        401 | 403 if is_limit => ApiError::Quota(said),
        401 | 403 => ApiError::Denied(said),
        404 => ApiError::NotFound(said),
        409 if refused.is_delete => ApiError::InUse(said),
        409 => ApiError::Taken(said),
        400 | 412 | 422 if has(&["pending event", "event in progress", "is locked", "currently locked"]) => {
            ApiError::Busy(said)
        }
        400 | 412 | 422 if is_limit => ApiError::Quota(said),
        // Of an image or a feature the same is said, and no other size helps then.
        422 if has(&["not available", "unavailable", "not currently available", "sold out", "capacity"])
            && has(&["size", "region is", "capacity"]) =>
        {
            ApiError::NoCapacity(said)
        }
        422 if has(&["already exists", "already been taken"]) => ApiError::Taken(said),
        422 if refused.is_delete && has(&["attached"]) => ApiError::InUse(said),
        400 | 412 | 422 => ApiError::Invalid(said),
        // A server's fault may be over the next time; what was done of it nobody knows.
        status if status >= 500 => ApiError::Lost(said),
        _ => ApiError::Other(said),
    }
}

fn after(refused: &Refused<'_>) -> Option<Duration> {
    let until_reset = || u64::try_from(refused.reset? - refused.now?).ok();
    let seconds = refused.retry_after.or_else(until_reset)?;
    Some(Duration::from_secs(seconds.clamp(1, LONGEST)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, text: &str) -> Refused<'_> {
        Refused { status, text, is_delete: false, retry_after: None, reset: None, now: None }
    }

    #[test]
    fn words_mean_what_can_be_done_about_them() {
        type Is = fn(&ApiError) -> bool;
        let table: [(u16, &str, Is); 15] = [
            (401, "Unable to authenticate you", |error| matches!(error, ApiError::Denied(_))),
            (403, "You are missing the required permission droplet:create", |error| {
                matches!(error, ApiError::Denied(_))
            }),
            (403, "Volume limit exceeded", |error| matches!(error, ApiError::Quota(_))),
            (404, "The resource you were accessing could not be found.", |error| {
                matches!(error, ApiError::NotFound(_))
            }),
            (409, "duplicate name", |error| matches!(error, ApiError::Taken(_))),
            (422, "Size is not available in this region.", |error| matches!(error, ApiError::NoCapacity(_))),
            (422, "Region is not available", |error| matches!(error, ApiError::NoCapacity(_))),
            (422, "size is unavailable", |error| matches!(error, ApiError::NoCapacity(_))),
            (422, "creating this/these droplet(s) will exceed your droplet limit", |error| {
                matches!(error, ApiError::Quota(_))
            }),
            (422, "Droplet already has a pending event.", |error| matches!(error, ApiError::Busy(_))),
            (422, "Invalid volume allocations", |error| matches!(error, ApiError::Invalid(_))),
            (422, "You specified an invalid image for Droplet creation.", |error| {
                matches!(error, ApiError::Invalid(_))
            }),
            (422, "Image is not available in this region.", |error| matches!(error, ApiError::Invalid(_))),
            (503, "Service unavailable", |error| matches!(error, ApiError::Lost(_))),
            (418, "", |error| matches!(error, ApiError::Other(_))),
        ];
        for (status, message, is) in table {
            let text = format!(r#"{{"id":"some_id","message":"{message}","request_id":"1"}}"#);
            let error = refusal(&refused(status, &text));
            assert!(is(&error), "{status} {message}: {error:?}");
        }
        let gone = refusal(&Refused {
            is_delete: true,
            ..refused(409, r#"{"id":"conflict","message":"attached volume cannot be deleted"}"#)
        });
        assert!(matches!(gone, ApiError::InUse(_)), "{gone:?}");
        assert!(matches!(refusal(&refused(502, "<html>")), ApiError::Lost(text) if text == "HTTP 502"));
    }

    #[test]
    fn when_to_call_again_is_what_the_server_says_within_reason() {
        let after = |retry_after, reset, now| {
            let refused = Refused { retry_after, reset, now, ..refused(429, "") };
            match refusal(&refused) {
                ApiError::Throttled { after } => after.map(|after| after.as_secs()),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(after(Some(7), Some(2000), Some(1000)), Some(7));
        assert_eq!(after(None, Some(1030), Some(1000)), Some(30));
        assert_eq!(after(None, Some(4600), Some(1000)), Some(60), "somebody waits");
        assert_eq!(after(None, Some(900), Some(1000)), None);
        assert_eq!(after(None, Some(1030), None), None);
    }
}
