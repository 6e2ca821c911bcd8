//! What goes wrong at a cloud, in words: what was being done, what the cloud said, and what to do.

use justmanage_platforms::PlatformError;

use crate::api::ApiError;

/// A call that failed, while this was being done ("looking for machines").
pub(crate) fn while_doing(doing: &str, error: ApiError) -> PlatformError {
    let what = format!("{doing} failed: {}", error.to_string().trim_end_matches('.'));
    match error {
        ApiError::Lost(_) => PlatformError::Unreachable {
            what,
            hint: "Nobody knows whether it was done there; everything can be done again: apply again.".into(),
        },
        ApiError::Throttled { .. } => PlatformError::Unreachable {
            what,
            hint: "The cloud turns calls away for as long as there are too many: apply again in a minute, or let less run at the same \
                   time (terraform apply -parallelism)."
                .into(),
        },
        ApiError::Busy(_) => PlatformError::Unreachable {
            what,
            hint: "The cloud is at something else with it, which ends by itself: apply again in a minute.".into(),
        },
        ApiError::NotFound(_) => PlatformError::NotFound { what },
        ApiError::NoCapacity(_) => PlatformError::Quota {
            what,
            hint: "Allow other zones or other types of machine, or apply again later.".into(),
        },
        ApiError::Quota(_) => PlatformError::Quota {
            what,
            hint: "Ask the cloud for a higher quota, or free some of what is used, then apply again.".into(),
        },
        ApiError::Denied(_) => {
            PlatformError::Denied { what, hint: "Give these credentials the permission that is named there.".into() }
        }
        ApiError::InUse(_) => PlatformError::Conflict {
            what,
            hint: "Take away what uses it and is not ours, then apply again.".into(),
        },
        ApiError::Taken(_) | ApiError::Mismatch(_) => {
            PlatformError::Conflict { what, hint: "Apply again when the other run has ended.".into() }
        }
        ApiError::Invalid(_) => PlatformError::Invalid {
            field: "cloud".into(),
            what,
            hint: "Correct the setting that the cloud names.".into(),
        },
        ApiError::Other(_) => PlatformError::Failed { what, hint: "Apply again when the cause is gone.".into() },
    }
}
