//! Executors of decisions: each reads plans through the model's picker, answers from an immutable
//! snapshot that is swapped whole, and acknowledges what it applied. None decides a share or a
//! target by itself.

pub mod answers;
pub mod dns;
pub mod http302;
pub mod httpdns;
pub mod plans;
pub mod store;

#[cfg(test)]
mod test_client;
