//! Signed answers, and the verifier that clients run.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use weir_model::time::UnixNanos;

/// Version of the canonical form: part of what is signed, so that a later form is never taken for
/// this one.
const FORM: &str = "weir-httpdns-1";
/// How far a client's clock may be behind ours.
const SKEW_MAX: Duration = Duration::from_secs(30);

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The name asked for, lower case, no final dot.
    pub host: String,
    /// The prefix of client addresses it holds for.
    pub client_scope: String,
    /// Addresses, best first.
    pub answers: Vec<IpAddr>,
    /// Unix seconds from which it holds.
    pub issued: i64,
    /// Unix seconds at which it ends.
    pub expires: i64,
    /// Which key signed it.
    pub key_id: String,
}

impl Answer {
    /// The bytes that are signed: one field a line, in this order, each ended by a newline. No two
    /// [plain](Answer::is_plain) answers have the same bytes, and no other is believed.
    fn canonical(&self) -> Vec<u8> {
        let answers: Vec<String> = self.answers.iter().map(ToString::to_string).collect();
        let fields = [
            FORM,
            &self.host,
            &self.client_scope,
            &answers.join(","),
            &self.issued.to_string(),
            &self.expires.to_string(),
            &self.key_id,
        ];
        fields.iter().flat_map(|field| field.bytes().chain([b'\n'])).collect()
    }

    /// Whether every field is written in the one way that it is signed in: no control characters, and
    /// the scope without host bits.
    fn is_plain(&self) -> bool {
        let texts = [&self.host, &self.client_scope, &self.key_id];
        texts.iter().all(|text| !text.contains(char::is_control))
            && self.scope().is_some_and(|scope| scope.trunc().to_string() == self.client_scope)
    }

    fn scope(&self) -> Option<IpNet> {
        self.client_scope.parse().ok()
    }
}

/// An answer with its signature, as it goes over the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// What is answered.
    #[serde(flatten)]
    pub answer: Answer,
    /// Ed25519 over the canonical bytes, base64.
    pub signature: String,
}

/// A key that is none.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Not base64 of 32 bytes.
    #[error("the key is not the base64 of 32 bytes: make one with `head -c 32 /dev/urandom | base64`")]
    Malformed,
}

/// 32 bytes of a secret, as [`Signer::from_base64`] reads them.
pub fn to_base64(secret: &[u8; 32]) -> String {
    STANDARD.encode(secret)
}

/// Signs answers.
#[derive(Clone, Debug)]
pub struct Signer {
    id: String,
    key: SigningKey,
}

impl Signer {
    /// The signer of the key `id` with this secret.
    pub fn new(id: impl Into<String>, secret: &[u8; 32]) -> Self {
        Self { id: id.into(), key: SigningKey::from_bytes(secret) }
    }

    /// As [`Signer::new`], the secret being written in base64.
    ///
    /// # Errors
    /// When it is not 32 bytes of base64.
    pub fn from_base64(id: impl Into<String>, secret: &str) -> Result<Self, KeyError> {
        Ok(Self::new(id, &decode_key(secret)?))
    }

    /// The public key, base64.
    pub fn public(&self) -> String {
        STANDARD.encode(self.key.verifying_key().to_bytes())
    }

    /// The key's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Signs `answer`, whose `key_id` is set to this key's.
    pub fn sign(&self, mut answer: Answer) -> Signed {
        answer.key_id.clone_from(&self.id);
        let signature = STANDARD.encode(self.key.sign(&answer.canonical()).to_bytes());
        Signed { answer, signature }
    }
}

fn decode_key(text: &str) -> Result<[u8; 32], KeyError> {
    STANDARD.decode(text.trim()).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(KeyError::Malformed)
}

/// Why an answer is not to be believed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Signed by a key that is not trusted.
    #[error("signed by key `{0}`, which is not trusted here")]
    ForeignKey(String),
    /// The signature does not fit the answer, or the answer is not written as ours are.
    #[error("the signature does not fit: the answer was altered")]
    Altered,
    /// An answer to another question.
    #[error("the answer is for `{0}`, which was not asked for")]
    OtherHost(String),
    /// An answer for other clients: one of theirs was replayed, or this one has moved.
    #[error("the answer is for clients in {scope}, and {client} is foreign to that: ask again")]
    Foreign {
        /// Whom it is for.
        scope: String,
        /// Who this is.
        client: IpAddr,
    },
    /// Its time is over.
    #[error("the answer expired {0} s ago")]
    Expired(i64),
    /// Its time has not come.
    #[error("the answer is dated {0} s ahead of this clock")]
    NotYetValid(i64),
}

/// Believes answers signed by trusted keys.
#[derive(Clone, Debug, Default)]
pub struct Verifier {
    keys: BTreeMap<String, VerifyingKey>,
}

impl Verifier {
    /// Trusts the key `id` with this public part, base64.
    ///
    /// # Errors
    /// When it is no public key.
    pub fn trust(&mut self, id: impl Into<String>, public: &str) -> Result<(), KeyError> {
        let key = VerifyingKey::from_bytes(&decode_key(public)?).map_err(|_| KeyError::Malformed)?;
        self.keys.insert(id.into(), key);
        Ok(())
    }

    /// The answer, when it is one to `host`, by a trusted key, unaltered, and holds at `now` for
    /// `client`; `None` when the client does not know the address that the service sees it at.
    ///
    /// # Errors
    /// Why it is not to be believed.
    pub fn verify<'a>(
        &self,
        signed: &'a Signed,
        host: &str,
        client: Option<IpAddr>,
        now: UnixNanos,
    ) -> Result<&'a Answer, VerifyError> {
        let answer = &signed.answer;
        let key = self.keys.get(&answer.key_id).ok_or_else(|| VerifyError::ForeignKey(answer.key_id.clone()))?;
        let signature = STANDARD.decode(&signed.signature).map_err(|_| VerifyError::Altered)?;
        let signature = Signature::from_slice(&signature).map_err(|_| VerifyError::Altered)?;
        key.verify_strict(&answer.canonical(), &signature).map_err(|_| VerifyError::Altered)?;
        if !answer.is_plain() {
            return Err(VerifyError::Altered);
        }
        if answer.host != host {
            return Err(VerifyError::OtherHost(answer.host.clone()));
        }
        if let Some(client) = client.map(|client| client.to_canonical())
            && !answer.scope().is_some_and(|scope| scope.contains(&client))
        {
            return Err(VerifyError::Foreign { scope: answer.client_scope.clone(), client });
        }
        let ahead = answer.issued.saturating_sub(now.secs());
        if ahead > i64::try_from(SKEW_MAX.as_secs()).unwrap_or(i64::MAX) {
            return Err(VerifyError::NotYetValid(ahead));
        }
        if now.secs() >= answer.expires {
            return Err(VerifyError::Expired(now.secs().saturating_sub(answer.expires)));
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(signer: &Signer) -> Signed {
        signer.sign(Answer {
            host: "www.acme.test".into(),
            client_scope: "10.1.2.0/24".into(),
            answers: vec!["127.0.1.1".parse().unwrap()],
            issued: 1_000,
            expires: 1_060,
            key_id: String::new(),
        })
    }

    #[test]
    fn only_fresh_unaltered_answers_of_trusted_keys_are_believed() {
        let signer = Signer::new("k1", &[7; 32]);
        let mut verifier = Verifier::default();
        verifier.trust("k1", &signer.public()).unwrap();
        let good = signed(&signer);
        let at = |secs| UnixNanos::from_secs(secs);
        assert_eq!(verifier.verify(&good, "www.acme.test", None, at(1_010)).unwrap().answers.len(), 1);
        assert_eq!(verifier.verify(&good, "www.acme.test", None, at(1_060)), Err(VerifyError::Expired(0)));
        assert_eq!(verifier.verify(&good, "www.acme.test", None, at(900)), Err(VerifyError::NotYetValid(100)));
        assert_eq!(
            verifier.verify(&good, "a.acme.test", None, at(1_010)),
            Err(VerifyError::OtherHost("www.acme.test".into()))
        );

        let foreign = signed(&Signer::new("k2", &[8; 32]));
        assert_eq!(
            verifier.verify(&foreign, "www.acme.test", None, at(1_010)),
            Err(VerifyError::ForeignKey("k2".into()))
        );
        let forged = signed(&Signer::new("k1", &[8; 32]));
        assert_eq!(verifier.verify(&forged, "www.acme.test", None, at(1_010)), Err(VerifyError::Altered));

        let alterations: [fn(&mut Answer); 5] = [
            |a| a.host.push('x'),
            |a| a.client_scope = "0.0.0.0/0".into(),
            |a| a.answers[0] = "192.0.2.66".parse().unwrap(),
            |a| a.issued -= 1,
            |a| a.expires += 1,
        ];
        for alter in alterations {
            let mut altered = good.clone();
            alter(&mut altered.answer);
            assert_eq!(verifier.verify(&altered, "www.acme.test", None, at(1_010)), Err(VerifyError::Altered));
        }
    }

    #[test]
    fn an_answer_is_written_in_one_way_only() {
        let signer = Signer::new("k1\n", &[7; 32]);
        let mut verifier = Verifier::default();
        for id in ["k1", "k1\n"] {
            verifier.trust(id, &signer.public()).unwrap();
        }
        let verify =
            |signed: &Signed| verifier.verify(signed, "www.acme.test", None, UnixNanos::from_secs(1_010)).map(drop);
        assert_eq!(verify(&signed(&signer)), Err(VerifyError::Altered), "a key id with a newline");
        let signer = Signer::new("k1", &[7; 32]);
        for scope in ["10.1.2.0/24\n", "10.1.2.0/24\t", "\n10.1.2.0/24", "10.1.2.9/24", "10.1.2.0", "2001:DB8::/32", ""]
        {
            let mut unsigned = signed(&signer);
            unsigned.answer.client_scope = scope.into();
            assert_eq!(verify(&unsigned), Err(VerifyError::Altered), "{scope:?}");
            let resigned = signer.sign(unsigned.answer);
            assert_eq!(verify(&resigned), Err(VerifyError::Altered), "{scope:?}, though signed");
        }
    }

    #[test]
    fn an_answer_for_other_clients_is_foreign() {
        let signer = Signer::new("k1", &[7; 32]);
        let mut verifier = Verifier::default();
        verifier.trust("k1", &signer.public()).unwrap();
        let signed = signed(&signer);
        let verify = |client: &str| {
            let client = Some(client.parse().unwrap());
            verifier.verify(&signed, "www.acme.test", client, UnixNanos::from_secs(1_010)).map(drop)
        };
        assert_eq!((verify("10.1.2.255"), verify("::ffff:10.1.2.3")), (Ok(()), Ok(())));
        for client in ["10.1.3.0", "::1"] {
            let text = format!("the answer is for clients in 10.1.2.0/24, and {client} is foreign to that: ask again");
            assert_eq!(verify(client).unwrap_err().to_string(), text);
        }
    }

    #[test]
    fn what_is_signed_survives_json() {
        let signer = Signer::new("k1", &[7; 32]);
        let text = serde_json::to_string(&signed(&signer)).unwrap();
        assert_eq!(serde_json::from_str::<Signed>(&text).unwrap(), signed(&signer));
        assert!(Signer::from_base64("k", "short").is_err());
    }
}
