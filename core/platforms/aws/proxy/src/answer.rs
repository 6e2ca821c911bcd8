//! Answers as EC2 gives them.

use justmanage_played_http::Message;

/// An answer of EC2's.
pub(crate) fn answer(status: u16, body: String) -> Message {
    Message::answer(status, "text/xml", body)
}

/// A refusal of EC2's.
pub(crate) fn refusal(status: u16, code: &str, said: &str) -> Message {
    let error = format!("<Error><Code>{code}</Code><Message>{said}</Message></Error>");
    answer(status, format!("<Response><Errors>{error}</Errors><RequestID>played</RequestID></Response>"))
}
