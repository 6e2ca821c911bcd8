//! What a proof is worth, given who has come before.

use std::collections::BTreeSet;

use justmanage_identity::enrol::Ends;
use justmanage_model::{EnrolmentToken, Pin};

/// What becomes of somebody who tries to enrol the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// They are the first, and from now on the agent's operator.
    Enrols,
    /// They have enrolled it before; their answer was lost, or what they had learnt from it.
    HasEnrolled,
    /// They know the token, and somebody else was first.
    Used,
    /// They know the token, and the order names other operators: it was read by somebody who should not have.
    NotNamed,
    /// They do not know the token.
    Wrong,
}

/// Judges a proof of one end of a connection to the other. Before the proof nothing else is looked at, so whoever does not know the
/// token learns nothing but that.
pub(super) fn judge(
    named: &BTreeSet<Pin>,
    enrolled_by: Option<Pin>,
    token: &EnrolmentToken,
    ends: Ends,
    proof: &[u8],
) -> Verdict {
    if !ends.is_operator_proof(token, proof) {
        return Verdict::Wrong;
    }
    match enrolled_by {
        Some(operator) if operator == ends.operator => Verdict::HasEnrolled,
        Some(_) => Verdict::Used,
        None if named.is_empty() || named.contains(&ends.operator) => Verdict::Enrols,
        None => Verdict::NotNamed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(byte: u8) -> Pin {
        Pin::from_digest([byte; 32])
    }

    #[test]
    fn the_first_who_knows_the_token_enrols_the_agent_and_nobody_after_them() {
        let (token, other) = (EnrolmentToken::new([1; 32]), EnrolmentToken::new([2; 32]));
        // (what it is, whom the order names, who has enrolled it, who comes, with which token, what becomes of them)
        type Row<'a> = (&'a str, &'a [u8], Option<u8>, u8, &'a EnrolmentToken, Verdict);
        let table: &[Row<'_>] = &[
            ("the first", &[], None, 3, &token, Verdict::Enrols),
            ("the first of those who are named", &[3, 4], None, 4, &token, Verdict::Enrols),
            ("one who is not named", &[3, 4], None, 5, &token, Verdict::NotNamed),
            ("the same again", &[], Some(3), 3, &token, Verdict::HasEnrolled),
            ("another after them", &[], Some(3), 4, &token, Verdict::Used),
            ("another who is named, after them", &[3, 4], Some(3), 4, &token, Verdict::Used),
            ("without the token", &[], None, 3, &other, Verdict::Wrong),
            ("named, and without the token", &[3], None, 3, &other, Verdict::Wrong),
            ("the same again, without the token", &[], Some(3), 3, &other, Verdict::Wrong),
            ("another after them, without the token", &[], Some(3), 4, &other, Verdict::Wrong),
        ];
        for (what, named, enrolled_by, who, knows, expected) in table {
            let ends = Ends { operator: pin(*who), agent: pin(9) };
            let named = named.iter().copied().map(pin).collect();
            let verdict = judge(&named, enrolled_by.map(pin), &token, ends, &ends.operator_proof(knows));
            assert_eq!(verdict, *expected, "{what}");
        }
    }

    #[test]
    fn a_proof_for_another_connection_is_worth_nothing() {
        let token = EnrolmentToken::new([1; 32]);
        let ends = Ends { operator: pin(3), agent: pin(9) };
        let elsewhere = Ends { operator: pin(3), agent: pin(8) };
        for (what, proof) in [
            ("to somebody who stands between", elsewhere.operator_proof(&token).to_vec()),
            ("of the agent itself", ends.agent_proof(&token).to_vec()),
            ("none", Vec::new()),
        ] {
            assert_eq!(judge(&BTreeSet::new(), None, &token, ends, &proof), Verdict::Wrong, "{what}");
        }
    }
}
