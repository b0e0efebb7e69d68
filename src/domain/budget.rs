//! Budgets: what a limit has left, over a window that rolls.
//!
//! A budget is the live window's count and sum, its reservations are the members. Check
//! and reserve are one step; what left the window is subtracted first, so that the window
//! is exact. A reservation stays when its request is done or its end unknown, and goes
//! when the request was denied, rejected, failed or withdrawn.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    access::Amount,
    time::{Span, Timestamp},
};

/// Names a budget: a limit, and whose window it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BudgetKey {
    /// The limit's name.
    pub limit: String,
    /// Whose window.
    pub key: String,
}

/// What a limit allows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cap {
    /// How long a reservation counts; `None`: for good.
    pub window: Option<Span>,
    /// How many at most.
    pub max_count: Option<i64>,
    /// How much together at most.
    pub max_sum: Option<Decimal>,
    /// How much one may be at most.
    pub max_each: Option<Decimal>,
}

/// A member of a window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// Whose it is.
    pub request_id: String,
    /// When it was made: the time of intake, so that a back-dated event slips past no window.
    pub at: Timestamp,
    /// How much; nothing where the action has no amount.
    pub amount: Decimal,
}

/// The live window of one limit and key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// How many are in it.
    pub count: i64,
    /// How much they are together.
    pub sum: Decimal,
}

/// What stands against a reservation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Exceeded {
    /// There are as many as there may be.
    #[error("{used} of {most} are used")]
    Count {
        /// How many there are.
        used: i64,
        /// How many there may be.
        most: i64,
    },
    /// Together it would be too much.
    #[error("{asked} on top of {used} is more than {most}")]
    Sum {
        /// How much is asked for.
        asked: Decimal,
        /// How much is used.
        used: Decimal,
        /// How much there may be.
        most: Decimal,
    },
    /// One by itself is too much.
    #[error("{asked} is more than {most}")]
    Each {
        /// How much is asked for.
        asked: Decimal,
        /// How much one may be.
        most: Decimal,
    },
    /// The limit counts an amount, and there is none that can be read.
    #[error("the amount cannot be read")]
    Unreadable,
    /// The amount is negative: it would make room.
    #[error("{0} is negative")]
    Negative(Decimal),
}

impl Cap {
    /// Tells since when reservations count; before that they have left the window.
    pub fn begins(&self, now: Timestamp) -> Option<Timestamp> {
        Some(now.minus(self.window?))
    }

    fn counts_amounts(&self) -> bool {
        self.max_sum.is_some() || self.max_each.is_some()
    }
}

impl Budget {
    /// Takes out what has left the window.
    pub fn subtract<'r>(&mut self, left: impl IntoIterator<Item = &'r Reservation>) {
        for reservation in left {
            self.release(reservation.amount);
        }
    }

    /// Checks a cap and reserves, in one step; gives the amount that is reserved.
    ///
    /// *Errors*: what stands against it. Nothing has changed then.
    pub fn reserve(&mut self, cap: &Cap, amount: Amount) -> Result<Decimal, Exceeded> {
        let asked = match amount {
            Amount::Of(asked) if asked.is_sign_negative() && !asked.is_zero() => {
                return Err(Exceeded::Negative(asked));
            }
            Amount::Of(asked) => asked,
            Amount::None | Amount::Unreadable if cap.counts_amounts() => {
                return Err(Exceeded::Unreadable);
            }
            Amount::None | Amount::Unreadable => Decimal::ZERO,
        };
        if let Some(most) = cap.max_each.filter(|most| asked > *most) {
            return Err(Exceeded::Each { asked, most });
        }
        if let Some(most) = cap.max_count.filter(|most| self.count >= *most) {
            return Err(Exceeded::Count {
                used: self.count,
                most,
            });
        }
        let together = self.sum.checked_add(asked);
        if let Some(most) = cap.max_sum
            && together.is_none_or(|together| together > most)
        {
            return Err(Exceeded::Sum {
                asked,
                used: self.sum,
                most,
            });
        }
        self.take(asked);
        Ok(asked)
    }

    /// Reserves without a check: what people let pass over a limit counts all the same.
    pub fn take(&mut self, amount: Decimal) {
        self.count += 1;
        self.sum = self.sum.checked_add(amount).unwrap_or(Decimal::MAX);
    }

    /// Gives a reservation back.
    pub fn release(&mut self, amount: Decimal) {
        self.count = (self.count - 1).max(0);
        self.sum = (self.sum - amount).max(Decimal::ZERO);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(units: i64) -> Amount {
        Amount::Of(Decimal::new(units, 2))
    }

    #[test]
    fn as_many_pass_as_fit_and_no_more() {
        let cap = Cap {
            max_sum: Some(Decimal::from(200)),
            max_each: Some(Decimal::from(80)),
            ..Cap::default()
        };
        let mut budget = Budget::default();
        let passed = (0..20)
            .filter(|_| budget.reserve(&cap, of(2_850)).is_ok())
            .count();
        assert_eq!((passed, budget.sum), (7, Decimal::new(19_950, 2)));
        assert_eq!(budget.reserve(&cap, of(50)), Ok(Decimal::new(50, 2)));
        let over = budget.reserve(&cap, of(1));
        assert!(matches!(over, Err(Exceeded::Sum { .. })), "{over:?}");
        let each = Budget::default().reserve(&cap, of(8_001));
        assert!(matches!(each, Err(Exceeded::Each { .. })), "{each:?}");
    }

    #[test]
    fn what_is_no_amount_never_passes_a_limit_on_amounts() {
        let amounts = Cap {
            max_sum: Some(Decimal::from(200)),
            ..Cap::default()
        };
        let counts = Cap {
            max_count: Some(1),
            ..Cap::default()
        };
        let mut budget = Budget::default();
        for amount in [Amount::None, Amount::Unreadable] {
            assert_eq!(budget.reserve(&amounts, amount), Err(Exceeded::Unreadable));
        }
        let negative = budget.reserve(&amounts, of(-1));
        assert!(
            matches!(negative, Err(Exceeded::Negative(_))),
            "{negative:?}"
        );
        assert_eq!(budget, Budget::default());
        assert_eq!(budget.reserve(&counts, Amount::None), Ok(Decimal::ZERO));
        let second = budget.reserve(&counts, Amount::None);
        assert_eq!(second, Err(Exceeded::Count { used: 1, most: 1 }));
    }

    proptest! {
        // The oracle keeps every reservation and counts anew each time.
        #[test]
        fn a_rolling_window_is_exact(
            window in 1..50_i64,
            max_count in 1..6_i64,
            max_sum in 1..200_i64,
            steps in proptest::collection::vec((0..20_i64, 0..90_i64, any::<bool>()), 1..60),
        ) {
            let cap = Cap {
                window: Some(Span::from_secs(window)),
                max_count: Some(max_count),
                max_sum: Some(Decimal::from(max_sum)),
                max_each: None,
            };
            let mut budget = Budget::default();
            let mut members: Vec<Reservation> = Vec::new();
            let mut seconds = 0;
            for (pause, units, releases) in steps {
                seconds += pause;
                let now = Timestamp::default().plus(Span::from_secs(seconds));
                let begins = cap.begins(now).expect("a window");
                let (left, live) = members.into_iter().partition(|member| member.at <= begins);
                let left: Vec<Reservation> = left;
                members = live;
                budget.subtract(&left);
                if releases && !members.is_empty() {
                    let gone = members.remove(0);
                    budget.release(gone.amount);
                }
                let sum: Decimal = members.iter().map(|member| member.amount).sum();
                let amount = Decimal::from(units);
                let count = i64::try_from(members.len()).expect("few");
                let fits = count < max_count && sum + amount <= Decimal::from(max_sum);
                let reserved = budget.reserve(&cap, Amount::Of(amount));
                prop_assert_eq!(reserved.is_ok(), fits, "{:?}", reserved);
                if fits {
                    members.push(Reservation { request_id: String::new(), at: now, amount });
                }
                let sum: Decimal = members.iter().map(|member| member.amount).sum();
                prop_assert_eq!(budget.sum, sum);
            }
        }
    }
}
