//! One sheet in its forms, and what must not get through in any of them.

use super::*;

fn sheet() -> Sheet {
    let text = |text: &str| Cell::Text(text.to_owned());
    let at = |text: &str| Timestamp::parse(text).expect("a time");
    Sheet {
        title: "What was promised, and kept",
        from: Some(at("2026-11-01T00:00:00Z")),
        to: at("2026-12-01T00:00:00Z"),
        about: vec![("by", "team".to_owned())],
        columns: vec![
            Column::new("team", "TEAM"),
            Column::new("count", "COUNT"),
            Column::new("attainment", "ATTAINMENT").charted(),
            Column::new("p90_elapsed_ms", "P90"),
        ],
        rows: vec![
            vec![
                text("billing"),
                Cell::Count(12),
                Cell::share(10, 12),
                Cell::Millis(Some(4_800_000)),
            ],
            vec![
                text("=<script>\n"),
                Cell::Count(0),
                Cell::share(0, 0),
                Cell::Millis(None),
            ],
        ],
        total: Some(vec![
            text("all"),
            Cell::Count(12),
            Cell::share(10, 12),
            Cell::Millis(Some(4_800_000)),
        ]),
    }
}

#[test]
fn a_sheet_is_text_in_columns() {
    insta::assert_snapshot!(sheet().write(Form::Table).trim_end(), @r"
    What was promised, and kept, by team
    2026-11-01T00:00:00Z to 2026-12-01T00:00:00Z

    TEAM        COUNT  ATTAINMENT     P90
    billing        12      83.3 %  1h 20m
    =<script>       0           –       –
    all            12      83.3 %  1h 20m
    ");
    let empty = Sheet {
        rows: Vec::new(),
        ..sheet()
    };
    assert!(
        empty
            .write(Form::Table)
            .ends_with("\n\nnothing in this time\n")
    );
}

#[test]
fn a_sheet_is_json_and_csv_for_programs() {
    assert_eq!(
        sheet().to_json(),
        json!({
            "from": "2026-11-01T00:00:00Z", "to": "2026-12-01T00:00:00Z", "by": "team",
            "items": [
                {"team": "billing", "count": 12, "attainment": 0.8333, "p90_elapsed_ms": 4_800_000},
                {"team": "=<script>\n", "count": 0, "attainment": null, "p90_elapsed_ms": null},
            ],
            "total": {"count": 12, "attainment": 0.8333, "p90_elapsed_ms": 4_800_000},
        })
    );
    insta::assert_snapshot!(sheet().write(Form::Csv).trim_end(), @r#"
    team,count,attainment,p90_elapsed_ms
    billing,12,0.8333,4800000
    "'=<script>
    ",0,,
    "#);
}

#[test]
fn a_page_stands_alone_and_lets_no_markup_in() {
    let page = sheet().write(Form::Html);
    insta::assert_snapshot!(page.replace(page::STYLE, "…").trim_end(), @r##"
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width">
    <title>What was promised, and kept, by team</title>
    <style>…</style>
    </head>
    <body>
    <h1>What was promised, and kept, by team</h1>
    <p>2026-11-01T00:00:00Z to 2026-12-01T00:00:00Z</p>
    <figure>
    <figcaption>ATTAINMENT</figcaption>
    <svg viewBox="0 0 720 48" role="img" aria-label="ATTAINMENT">
    <text x="210" y="17" text-anchor="end">billing</text><rect x="220" y="4" width="333" height="16"/><text x="561" y="17">83.3 %</text>
    <text x="210" y="41" text-anchor="end">=&lt;script&gt; </text><rect x="220" y="28" width="0" height="16"/><text x="228" y="41">–</text>
    </svg>
    </figure>
    <table>
    <thead><tr><th>TEAM</th><th class="n">COUNT</th><th class="n">ATTAINMENT</th><th class="n">P90</th></tr></thead>
    <tbody>
    <tr><td>billing</td><td class="n">12</td><td class="n">83.3 %</td><td class="n">1h 20m</td></tr>
    <tr><td>=&lt;script&gt; </td><td class="n">0</td><td class="n">–</td><td class="n">–</td></tr>
    <tr class="all"><td>all</td><td class="n">12</td><td class="n">83.3 %</td><td class="n">1h 20m</td></tr>
    </tbody>
    </table>
    </body>
    </html>
    "##);
    for bad in ["<script", "http:", "https:", "url(", "onload", "@import"] {
        assert!(!page.contains(bad), "{bad}");
    }
    let empty = Sheet {
        rows: Vec::new(),
        ..sheet()
    };
    assert!(empty.write(Form::Html).contains("Nothing in this time."));
}

#[test]
fn a_share_is_rounded_and_of_nothing_is_none() {
    assert_eq!(Cell::share(2, 3), Cell::Share(Some(6_667)));
    assert_eq!(Cell::share(3, 3), Cell::Share(Some(10_000)));
    assert_eq!(Cell::share(0, 0), Cell::Share(None));
}

#[test]
fn open_time_is_told_in_hours() {
    for (seconds, said) in [
        (0, "0s"),
        (40, "40s"),
        (3_605, "1h 5s"),
        (93_900, "26h 5m"),
        (5_025, "1h 23m"),
        (-90, "-1m 30s"),
    ] {
        assert_eq!(spelled(Span::from_secs(seconds)), said);
    }
}
