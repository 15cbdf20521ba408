//! A whole pool of sessions: what it decides is performed here as the tunnel does it, and judged.

mod keeper;
mod member;
mod plan;
mod world;

pub(crate) use plan::{CallerPlan, Happening, Outage, PoolPlan};
pub(crate) use world::PoolWorld;
