//! Whether a contract can be billed at all, asked before a month has passed.

use rust_decimal::Decimal;
use weir_model::{
    contract::{Billing, Contract},
    id::ContractId,
};

use crate::{
    month::{MonthError, Zone},
    rates::{self, RatesError},
};

/// What is wrong with a contract.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContractError {
    /// Its time zone does not exist.
    #[error("the time zone of contract `{contract}` is unknown")]
    Zone {
        /// Which contract.
        contract: ContractId,
        /// What is wrong.
        source: MonthError,
    },
    /// Its prices leave a quantity without one.
    #[error("the prices of contract `{contract}` leave quantities without one")]
    Rates {
        /// Which contract.
        contract: ContractId,
        /// What is wrong.
        source: RatesError,
    },
    /// Its percentile is none.
    #[error("contract `{contract}`: a percentile of {percentile} does not exist: give more than 0 and at most 100")]
    Percentile {
        /// Which contract.
        contract: ContractId,
        /// As given.
        percentile: Decimal,
    },
}

/// Checks what [`crate::bill::bill`] relies on. `weir check` asks it of every contract.
pub fn check_contract(contract: &Contract) -> Result<(), ContractError> {
    let id = || contract.id.clone();
    Zone::named(&contract.time_zone).map_err(|source| ContractError::Zone { contract: id(), source })?;
    if let Some(rates) = contract.billing.rates() {
        rates::check(rates).map_err(|source| ContractError::Rates { contract: id(), source })?;
    }
    match contract.billing {
        Billing::Percentile { percentile, .. } if percentile <= Decimal::ZERO || percentile > Decimal::ONE_HUNDRED => {
            Err(ContractError::Percentile { contract: id(), percentile })
        }
        _ => Ok(()),
    }
}
