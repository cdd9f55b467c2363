//! Which arm answers, and which models are there to choose from?

mod deployment;

pub(crate) use self::deployment::Deployment;
