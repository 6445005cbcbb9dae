//! What a scrape shows of itself. Secrets lie in files, which are read for every request, so that they may be
//! changed under a running daemon.

use std::{io, path::PathBuf};

use reqwest::{RequestBuilder, header::AUTHORIZATION};

/// What is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// A user and a password.
    Basic {
        /// The user.
        username: String,
        /// The file of the password.
        password_file: PathBuf,
    },
    /// A secret, as in `Authorization: Bearer ...`.
    Credentials {
        /// What precedes it: `Bearer`.
        scheme: String,
        /// Its file.
        file: PathBuf,
    },
}

/// A file of a secret cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}: {error}", file.display())]
pub struct SecretError {
    /// Which.
    file: PathBuf,
    /// Why.
    error: io::Error,
}

impl Auth {
    /// Whether the secret can be read now.
    ///
    /// # Errors
    /// When it cannot.
    pub(super) fn check(&self) -> Result<(), SecretError> {
        let (Self::Basic { password_file: file, .. } | Self::Credentials { file, .. }) = self;
        match std::fs::read_to_string(file) {
            Ok(_) => Ok(()),
            Err(error) => Err(SecretError { file: file.clone(), error }),
        }
    }

    /// The request, with what is shown.
    pub(super) async fn show(&self, request: RequestBuilder) -> Result<RequestBuilder, SecretError> {
        Ok(match self {
            Self::Basic { username, password_file } => request.basic_auth(username, Some(read(password_file).await?)),
            Self::Credentials { scheme, file } => {
                request.header(AUTHORIZATION, format!("{scheme} {}", read(file).await?))
            }
        })
    }
}

async fn read(file: &PathBuf) -> Result<String, SecretError> {
    match tokio::fs::read_to_string(file).await {
        Ok(secret) => Ok(secret.trim().to_owned()),
        Err(error) => Err(SecretError { file: file.clone(), error }),
    }
}
