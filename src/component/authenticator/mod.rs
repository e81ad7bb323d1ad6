//! How requests prove who sends them.
//!
//! In: the configuration, and through a [`Session`] the network for access tokens. Out: a share of
//! the request. What is obtained lives in the session's [`TokenStore`], one token for all threads.

mod api_key;
mod basic_http;
mod bearer;
mod expiry;
mod jwt;
mod legacy_session_token;
mod no_auth;
mod oauth;
mod oauth_answer;
mod pem;
mod rate_limited;
mod refresh;
mod rotation;
mod selective;
mod session;
mod session_token;
mod signing;
#[cfg(test)]
pub(super) mod testing;
mod token_endpoint;
mod token_quota;

pub use api_key::ApiKeyAuthenticator;
pub use basic_http::BasicHttpAuthenticator;
pub use bearer::BearerAuthenticator;
pub use jwt::JwtAuthenticator;
pub use legacy_session_token::LegacySessionTokenAuthenticator;
pub use no_auth::NoAuth;
pub use oauth::{OAuthAuthenticator, RefreshTokenUpdater};
pub use rate_limited::RateLimitedMultipleTokenAuthenticator;
pub use rotation::Rotation;
pub use selective::SelectiveAuthenticator;
pub use session::{ConfigChange, Session, Token, TokenStore, apply};
pub use session_token::SessionTokenAuthenticator;
pub use token_quota::{QuotaStatusSource, TokenQuota};

use schemars::JsonSchema;
use serde::Deserialize;

use super::ComponentError;
use super::requester::RequestParts;
use crate::http::{Request, Response};
use crate::template::Config;

/// What an authenticator does.
pub trait Authenticate: Send + Sync {
    /// Checks what the config alone can tell, before any request.
    ///
    /// # Errors
    /// When the config does not go with the authenticator.
    fn check(&self, config: &Config) -> Result<(), ComponentError> {
        let _ = config;
        Ok(())
    }

    /// Adds the credentials to a request; gets an access token first where one is needed. The
    /// credentials are masked in all that is said from then on.
    ///
    /// # Errors
    /// When a template fails, a key of the request is set already, or no access token can be had.
    fn authorize(
        &self,
        parts: &mut RequestParts,
        session: &dyn Session,
    ) -> Result<(), ComponentError>;

    /// The same for a requester whose `url_base` is `base`.
    ///
    /// # Errors
    /// As [`authorize`](Self::authorize).
    fn authorize_below(
        &self,
        base: &str,
        parts: &mut RequestParts,
        session: &dyn Session,
    ) -> Result<(), ComponentError> {
        let _ = base;
        self.authorize(parts, session)
    }

    /// Adds the credentials that depend on the whole request, once for each time that it is sent.
    ///
    /// # Errors
    /// As [`authorize`](Self::authorize).
    fn sign(&self, request: &mut Request, session: &dyn Session) -> Result<(), ComponentError> {
        let _ = (request, session);
        Ok(())
    }

    /// Notes what a response says about the credentials that its request was sent with.
    ///
    /// # Errors
    /// When a template fails.
    fn answered(
        &self,
        request: &Request,
        response: &Response,
        session: &dyn Session,
    ) -> Result<(), ComponentError> {
        let _ = (request, response, session);
        Ok(())
    }

    /// Whether the next try is sent with other credentials than `request`, whose own are used up.
    fn has_another(&self, request: &Request, session: &dyn Session) -> bool {
        let _ = (request, session);
        false
    }

    /// Forgets the access token that `request` was sent with, since the API refused it, so that the
    /// next [`authorize`](Self::authorize) gets another. A token that was replaced meanwhile stays.
    /// Says whether there is another to be had at all.
    ///
    /// # Errors
    /// When a template fails.
    fn refused(&self, request: &Request, session: &dyn Session) -> Result<bool, ComponentError> {
        let _ = (request, session);
        Ok(false)
    }
}

/// A way to prove who sends a request.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
pub enum Authenticator {
    /// A key in a header, parameter or body field.
    ApiKeyAuthenticator(ApiKeyAuthenticator),
    /// User name and password.
    BasicHttpAuthenticator(BasicHttpAuthenticator),
    /// A fixed bearer token.
    BearerAuthenticator(BearerAuthenticator),
    /// A JSON Web Token. In a box, since it is large.
    JwtAuthenticator(Box<JwtAuthenticator>),
    /// A session token that is given, or got by user name and password.
    LegacySessionTokenAuthenticator(LegacySessionTokenAuthenticator),
    /// Nothing.
    NoAuth(NoAuth),
    /// Access tokens by OAuth 2.0. In a box, since it is large.
    OAuthAuthenticator(Box<OAuthAuthenticator>),
    /// One of several tokens, as their quotas last. In a box, since it is large.
    RateLimitedMultipleTokenAuthenticator(Box<RateLimitedMultipleTokenAuthenticator>),
    /// One of several, as the config says.
    SelectiveAuthenticator(SelectiveAuthenticator),
    /// A session token that a login request gets.
    SessionTokenAuthenticator(SessionTokenAuthenticator),
}

impl Authenticator {
    /// The component behind the type name.
    #[must_use]
    pub fn get(&self) -> &dyn Authenticate {
        match self {
            Self::ApiKeyAuthenticator(authenticator) => authenticator,
            Self::BasicHttpAuthenticator(authenticator) => authenticator,
            Self::BearerAuthenticator(authenticator) => authenticator,
            Self::JwtAuthenticator(authenticator) => authenticator.as_ref(),
            Self::LegacySessionTokenAuthenticator(authenticator) => authenticator,
            Self::NoAuth(authenticator) => authenticator,
            Self::OAuthAuthenticator(authenticator) => authenticator.as_ref(),
            Self::RateLimitedMultipleTokenAuthenticator(authenticator) => authenticator.as_ref(),
            Self::SelectiveAuthenticator(authenticator) => authenticator,
            Self::SessionTokenAuthenticator(authenticator) => authenticator,
        }
    }
}

/// A share that is one header field.
fn header(name: &str, value: String) -> RequestParts {
    let mut share = RequestParts::default();
    share.headers.insert(name.to_owned(), value.into());
    share
}
