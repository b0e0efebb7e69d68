//! What a post tells as it is when the post is made: digests and reports.

use std::sync::Arc;

use chrono_tz::Tz;

use super::Inner;
use crate::{
    daemon::reports::{self, Asked},
    domain::{
        delivery::Delivery,
        effect::{ReportFormat, ReportWish},
        notice::{LookUp, Notice},
        report::Form,
        time::Timestamp,
    },
};

impl Inner {
    /// Gives the deliveries with what was looked up in place of their texts, and the page of a report
    /// that is to be one.
    ///
    /// *Errors*: why it could not be looked up; it is tried again.
    pub(super) async fn looked_up(
        &self,
        deliveries: &[Delivery],
    ) -> Result<(Vec<Delivery>, Option<String>), String> {
        let (mut all, mut page) = (deliveries.to_vec(), None);
        for delivery in &mut all {
            let now = self.ground.clock.now();
            match delivery.notice.look_up.clone() {
                None => {}
                Some(LookUp::Digest { team, timezone }) => {
                    let made = reports::digest(&self.ground.store, team, zone(&timezone), now);
                    let made = made.await.map_err(|error| error.to_string())?;
                    let at = delivery.notice.at;
                    delivery.notice = Arc::new(Notice { at, ..made });
                }
                Some(LookUp::Report { wish, timezone }) => {
                    let (text, html) = self.report(&wish, zone(&timezone), now).await?;
                    Arc::make_mut(&mut delivery.notice).text = text;
                    page = html;
                }
            }
        }
        Ok((all, page))
    }

    /// Makes a report: its text, and its page where that is asked for.
    async fn report(
        &self,
        wish: &ReportWish,
        zone: Tz,
        now: Timestamp,
    ) -> Result<(String, Option<String>), String> {
        let name = wish.name.as_str();
        let mut asked = Asked {
            from: Some(now.minus(wish.period)),
            to: now,
            team: wish.team.clone(),
            ..Asked::default()
        };
        if reports::takes(name, "timezone") {
            asked.timezone = Some(zone);
        }
        let sheet = reports::report(&self.ground.store, name, &asked).await;
        let sheet = sheet.map_err(|fault| fault.to_string())?;
        Ok(match wish.format {
            ReportFormat::Csv => (sheet.write(Form::Csv), None),
            ReportFormat::Html => (sheet.write(Form::Table), Some(sheet.write(Form::Html))),
            ReportFormat::Table => (sheet.write(Form::Table), None),
        })
    }
}

/// Reads a time zone; one that this version does not know is UTC.
fn zone(name: &str) -> Tz {
    name.parse().unwrap_or(Tz::UTC)
}
