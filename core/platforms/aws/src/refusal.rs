//! What EC2's error codes mean
//! ([list](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html)).

use std::error::Error;

use aws_sdk_ec2::config::http::HttpResponse;
use aws_sdk_ec2::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use justmanage_platform_cloud::ApiError;

/// What a failed call means.
pub(crate) fn refusal<E>(error: SdkError<E, HttpResponse>) -> ApiError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    match &error {
        SdkError::ServiceError(refused) => {
            let (code, said) = (refused.err().code().unwrap_or_default(), refused.err().message().unwrap_or_default());
            by_code(code, said, refused.raw().status().as_u16())
        }
        // A connection that broke is "other" to the SDK, with a note that it may be well the next time. What is without that note is of
        // the credentials: nobody found any, or they are none.
        SdkError::DispatchFailure(failure)
            if failure.is_user()
                || failure.as_connector_error().is_some_and(|why| why.is_other() && why.as_other().is_none()) =>
        {
            ApiError::Denied(format!("no call could be made: {}", DisplayErrorContext(&error)))
        }
        SdkError::ConstructionFailure(_) => ApiError::Denied(format!(
            "no call could be made, mostly for want of credentials: {}",
            DisplayErrorContext(&error)
        )),
        // A connection that was never made is told from one that broke by nobody here: both can be tried again.
        _ => ApiError::Lost(DisplayErrorContext(&error).to_string()),
    }
}

fn by_code(code: &str, said: &str, status: u16) -> ApiError {
    let text = if said.is_empty() { code.to_owned() } else { format!("{said} ({code})") };
    match code {
        "RequestLimitExceeded" | "Throttling" | "ThrottlingException" | "ThrottledException" | "RequestThrottled"
        | "RequestThrottledException" | "EC2ThrottledException" | "SlowDown" | "TooManyRequestsException"
        | "BandwidthLimitExceeded" | "LimitExceededException" => ApiError::Throttled { after: None },
        "InsufficientInstanceCapacity"
        | "InsufficientHostCapacity"
        | "InsufficientCapacity"
        | "InsufficientReservedInstanceCapacity"
        | "InsufficientVolumeCapacity"
        | "InsufficientFreeAddressesInSubnet"
        // This type, in this zone.
        | "Unsupported" => ApiError::NoCapacity(text),
        "VcpuLimitExceeded" | "InstanceLimitExceeded" | "MaxSpotInstanceCountExceeded" | "VolumeLimitExceeded"
        | "MaxIOPSLimitExceeded" | "SecurityGroupLimitExceeded" | "RulesPerSecurityGroupLimitExceeded"
        | "SecurityGroupsPerInterfaceLimitExceeded" | "NetworkInterfaceLimitExceeded" | "PrivateIpAddressLimitExceeded"
        | "TagLimitExceeded" | "ResourceLimitExceeded" => ApiError::Quota(text),
        "UnauthorizedOperation" | "AccessDenied" | "AuthFailure" | "Blocked" | "OptInRequired" | "PendingVerification"
        | "InvalidClientTokenId" | "SignatureDoesNotMatch" | "ExpiredToken" | "RequestExpired" | "MissingAuthenticationToken"
        | "UnrecognizedClientException" | "OperationNotPermitted" => ApiError::Denied(text),
        "InvalidInstanceID.NotFound" | "InvalidGroup.NotFound" | "InvalidGroupId.NotFound" | "InvalidVolume.NotFound"
        | "InvalidSecurityGroupID.NotFound" => ApiError::NotFound(text),
        "DependencyViolation" | "VolumeInUse" | "InvalidGroup.InUse" => ApiError::InUse(text),
        "InvalidGroup.Duplicate" => ApiError::Taken(text),
        "IdempotentParameterMismatch" => ApiError::Mismatch(text),
        // What a call before, whose answer was lost, is still at; or somebody else is.
        "IncorrectInstanceState" | "ConcurrentTagAccess" | "InvalidPermission.Duplicate"
        | "InvalidPermission.NotFound" | "InternalError" | "InternalFailure" | "ServiceUnavailable" | "Unavailable"
        | "RequestTimeout" => ApiError::Lost(text),
        _ if code.starts_with("Invalid") || code.starts_with("Missing") || code.starts_with("Malformed") => {
            ApiError::Invalid(text)
        }
        "UnknownParameter" | "UnsupportedOperation" | "VPCIdNotSpecified" | "ValidationError" => ApiError::Invalid(text),
        // A server's fault that has no name may be over the next time; what was done of it nobody knows.
        _ if status >= 500 => ApiError::Lost(if text.is_empty() { format!("HTTP {status}") } else { text }),
        _ => ApiError::Other(if text.is_empty() { format!("HTTP {status}") } else { text }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_mean_what_can_be_done_about_them() {
        type Is = fn(&ApiError) -> bool;
        let table: [(&str, u16, Is); 12] = [
            ("RequestLimitExceeded", 503, |error| matches!(error, ApiError::Throttled { .. })),
            // With a status of 500 it looks like a broken server, and is none: the next zone may have room.
            ("InsufficientInstanceCapacity", 500, |error| matches!(error, ApiError::NoCapacity(_))),
            ("Unsupported", 400, |error| matches!(error, ApiError::NoCapacity(_))),
            ("VcpuLimitExceeded", 400, |error| matches!(error, ApiError::Quota(_))),
            ("UnauthorizedOperation", 403, |error| matches!(error, ApiError::Denied(_))),
            ("InvalidGroup.NotFound", 400, |error| matches!(error, ApiError::NotFound(_))),
            ("InvalidAMIID.NotFound", 400, |error| matches!(error, ApiError::Invalid(_))),
            ("DependencyViolation", 400, |error| matches!(error, ApiError::InUse(_))),
            ("IdempotentParameterMismatch", 400, |error| matches!(error, ApiError::Mismatch(_))),
            ("InternalError", 500, |error| matches!(error, ApiError::Lost(_))),
            ("", 502, |error| matches!(error, ApiError::Lost(_))),
            ("SomethingNew", 400, |error| matches!(error, ApiError::Other(_))),
        ];
        for (code, status, is) in table {
            let error = by_code(code, "why", status);
            assert!(is(&error), "{code} {status}: {error:?}");
        }
    }
}
