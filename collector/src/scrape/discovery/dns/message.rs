//! One question to a name server, and its answer. Pure but for the random id.

use hickory_proto::{
    op::{Edns, Message, MessageType, Query, ResponseCode},
    rr::{Name, RData, RecordType},
};

/// UDP payload we announce: what crosses any path without fragments (DNS flag day 2020).
pub(super) const EDNS_PAYLOAD: u16 = 1_232;

/// Why an answer cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum AnswerError {
    #[error("the answer is not understood")]
    Malformed,
    #[error("the answer is to another question")]
    OtherQuestion,
    #[error("the server says {0}")]
    Refused(ResponseCode),
}

/// What a server knows.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    /// These records; none, when it knows the name only for others.
    Records(Vec<RData>),
    /// There is no such name.
    NoName,
    /// More than the datagram holds.
    Truncated,
}

/// The question for records of a name, and its bytes.
#[derive(Debug)]
pub(super) struct Question {
    id: u16,
    query: Query,
    pub(super) bytes: Vec<u8>,
}

impl Question {
    /// `None` for a name that does not fit into a message.
    pub(super) fn new(name: Name, kind: RecordType) -> Option<Self> {
        let query = Query::query(name, kind);
        let mut message = Message::query();
        message.metadata.recursion_desired = true;
        message.add_query(query.clone());
        let mut edns = Edns::new();
        edns.set_max_payload(EDNS_PAYLOAD);
        message.set_edns(edns);
        Some(Self { id: message.metadata.id, query, bytes: message.to_vec().ok()? })
    }

    /// What `bytes` answer.
    pub(super) fn read(&self, bytes: &[u8]) -> Result<Answer, AnswerError> {
        let message = Message::from_vec(bytes).map_err(|_| AnswerError::Malformed)?;
        let metadata = &message.metadata;
        let is_ours = metadata.id == self.id && metadata.message_type == MessageType::Response;
        // Of a refusal the question may be missing.
        let asks_ours = message.queries.iter().all(|query| *query == self.query);
        if !is_ours || !asks_ours {
            return Err(AnswerError::OtherQuestion);
        }
        match metadata.response_code {
            ResponseCode::NXDomain => Ok(Answer::NoName),
            ResponseCode::NoError if metadata.truncation => Ok(Answer::Truncated),
            ResponseCode::NoError => {
                Ok(Answer::Records(message.answers.into_iter().map(|record| record.data).collect()))
            }
            other => Err(AnswerError::Refused(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use proptest::prelude::*;

    use super::*;

    fn question() -> Question {
        Question::new(Name::from_str("a.example.").unwrap(), RecordType::A).unwrap()
    }

    #[test]
    fn an_answer_is_to_its_question_only() {
        let (asked, other) = (question(), question());
        let mut message = Message::from_vec(&asked.bytes).unwrap().into_response();
        assert_eq!(asked.read(&message.to_vec().unwrap()), Ok(Answer::Records(Vec::new())));
        assert_eq!(asked.read(&asked.bytes), Err(AnswerError::OtherQuestion), "our own question");
        if asked.id != other.id {
            assert_eq!(other.read(&message.to_vec().unwrap()), Err(AnswerError::OtherQuestion));
        }
        message.metadata.truncation = true;
        assert_eq!(asked.read(&message.to_vec().unwrap()), Ok(Answer::Truncated));
        message.metadata.response_code = ResponseCode::NXDomain;
        assert_eq!(asked.read(&message.to_vec().unwrap()), Ok(Answer::NoName));
        message.metadata.response_code = ResponseCode::ServFail;
        assert_eq!(asked.read(&message.to_vec().unwrap()), Err(AnswerError::Refused(ResponseCode::ServFail)));
        message.queries = vec![Query::query(Name::from_str("b.example.").unwrap(), RecordType::A)];
        assert_eq!(asked.read(&message.to_vec().unwrap()), Err(AnswerError::OtherQuestion));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_answer_or_an_error(mut bytes in prop::collection::vec(any::<u8>(), 0..300), ours: bool) {
            let question = question();
            if ours && bytes.len() > 12 {
                bytes[..2].copy_from_slice(&question.id.to_be_bytes());
                bytes[2] = 0x81;
            }
            drop(question.read(&bytes));
        }
    }
}
