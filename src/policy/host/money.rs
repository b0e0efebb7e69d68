//! Money: exact decimals, rounded the way that was asked for.

use rhai::{Engine, INT};
use rust_decimal::{Decimal, RoundingStrategy};

use super::{HostFunction, HostGroup, function};
use crate::policy::value::{Raised, raise};

const FUNCTIONS: &[HostFunction] = &[
    function(
        "money",
        "money(value) -> decimal",
        "Reads an integer, a decimal or a text such as `\"80.10\"` as an exact decimal.",
    ),
    function(
        "round_money",
        "round_money(amount, places = 2) -> decimal",
        "Rounds half away from zero, as invoices do.",
    ),
    function(
        "round_money_even",
        "round_money_even(amount, places = 2) -> decimal",
        "Rounds half to even, as banks do.",
    ),
];

pub(super) const GROUP: HostGroup = HostGroup {
    title: "Money",
    functions: FUNCTIONS,
    register,
};

fn register(engine: &mut Engine) {
    use RoundingStrategy::{MidpointAwayFromZero, MidpointNearestEven};
    engine
        .register_fn("money", |value: INT| Decimal::from(value))
        .register_fn("money", |value: Decimal| value)
        .register_fn("money", |value: &str| -> Result<Decimal, Raised> {
            Decimal::from_str_exact(value.trim())
                .map_err(|_| raise(format!("`{value}` is not an amount")))
        });
    for (name, strategy) in [
        ("round_money", MidpointAwayFromZero),
        ("round_money_even", MidpointNearestEven),
    ] {
        engine
            .register_fn(name, move |amount: Decimal| {
                amount.round_dp_with_strategy(2, strategy)
            })
            .register_fn(name, |amount: INT| Decimal::from(amount))
            .register_fn(name, move |amount: Decimal, places: INT| {
                round(amount, places, strategy)
            })
            .register_fn(name, move |amount: INT, places: INT| {
                round(Decimal::from(amount), places, strategy)
            });
    }
}

fn round(amount: Decimal, places: INT, strategy: RoundingStrategy) -> Result<Decimal, Raised> {
    match u32::try_from(places) {
        Ok(places) if places <= 28 => Ok(amount.round_dp_with_strategy(places, strategy)),
        _ => Err(raise(format!(
            "`{places}` is not a number of places; use 0 to 28"
        ))),
    }
}
