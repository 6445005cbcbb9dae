//! HTTPDNS: answers over HTTP for clients whose resolvers cannot be trusted, signed with Ed25519
//! (RFC 8032) so that only the public key needs to be on the client.

mod serve;
mod signed;

pub use serve::{HttpdnsState, router};
pub use signed::{Answer, KeyError, Signed, Signer, Verifier, VerifyError, to_base64};
