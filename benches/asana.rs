//! Pages like those that Asana answers, made up: 100 tasks of about 2.8 KB each.

use std::fmt::Write as _;

/// Words of names and notes, some beyond ASCII.
const WORDS: [&str; 16] = [
    "review",
    "launch",
    "customer",
    "Zürich",
    "quarterly",
    "budget",
    "naïve",
    "onboarding",
    "contract",
    "日本",
    "release",
    "backlog",
    "security",
    "report",
    "the",
    "for",
];

/// A page of tasks as compact JSON, the same at each call.
pub(crate) fn page(tasks: usize) -> String {
    let mut random = Random(7);
    let tasks: Vec<String> = (0..tasks).map(|_| task(&mut random)).collect();
    format!(
        r#"{{"data":[{}],"next_page":{{"offset":"eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9","path":"/tasks?limit=100","uri":"https://app.asana.com/api/1.0/tasks?limit=100"}}}}"#,
        tasks.join(",")
    )
}

/// The same page as a person would lay it out.
pub(crate) fn pretty_page(tasks: usize) -> String {
    let tree: serde_json::Value = serde_json::from_str(&page(tasks)).expect("made up as JSON");
    serde_json::to_string_pretty(&tree).expect("trees can be written")
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn gid(&mut self) -> u64 {
        1_200_000_000_000_000 + self.below(1_000_000_000)
    }

    fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len() as u64) as usize]
    }

    fn words(&mut self, count: u64) -> String {
        let words: Vec<&str> = (0..count).map(|_| self.pick(&WORDS)).collect();
        words.join(" ")
    }

    /// Text with the escapes that notes have.
    fn prose(&mut self, count: u64) -> String {
        let mut text = String::new();
        for _ in 0..count {
            text.push_str(self.pick(&WORDS));
            text.push_str(match self.below(24) {
                0 => "\\n- ",
                1 => " \\\"quoted\\\" ",
                2 => " \\u2019 ",
                _ => " ",
            });
        }
        text
    }

    fn stamp(&mut self) -> String {
        format!(
            "20{}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            20 + self.below(6),
            1 + self.below(12),
            1 + self.below(28),
            self.below(24),
            self.below(60),
            self.below(60),
            self.below(1000)
        )
    }

    fn reference(&mut self, kind: &str) -> String {
        format!(r#"{{"gid":"{}","resource_type":"{kind}"}}"#, self.gid())
    }

    fn list(&mut self, count: u64, mut item: impl FnMut(&mut Self) -> String) -> String {
        let items: Vec<String> = (0..count).map(|_| item(self)).collect();
        format!("[{}]", items.join(","))
    }
}

fn custom_field(r: &mut Random) -> String {
    let gid = r.gid();
    match r.below(3) {
        0 => format!(
            r#"{{"gid":"{gid}","enabled":true,"name":"Priority","description":"","number_value":{},"precision":{},"created_by":{},"display_value":"{}","resource_subtype":"number","resource_type":"custom_field","is_formula_field":false,"type":"number"}}"#,
            r.below(100_000) as f64 / 100.0,
            r.below(3),
            r.reference("user"),
            r.below(100_000)
        ),
        1 => {
            let option = format!(
                r#"{{"gid":"{}","color":"cool-gray","enabled":true,"name":"{}","resource_type":"enum_option"}}"#,
                r.gid(),
                r.words(1)
            );
            format!(
                r#"{{"gid":"{gid}","enabled":true,"enum_options":[{option},{option}],"enum_value":{option},"name":"Stage","display_value":"{}","resource_subtype":"enum","resource_type":"custom_field","type":"enum"}}"#,
                r.words(1)
            )
        }
        _ => format!(
            r#"{{"gid":"{gid}","enabled":true,"name":"Link","description":"{}","text_value":"{}","display_value":null,"resource_subtype":"text","resource_type":"custom_field","type":"text"}}"#,
            r.words(6),
            r.words(4)
        ),
    }
}

fn task(r: &mut Random) -> String {
    let (gid, project) = (r.gid(), r.gid());
    let words = 20 + r.below(36);
    let notes = r.prose(words);
    let followers = 1 + r.below(4);
    let mut task = String::new();
    write!(
        task,
        r#"{{"gid":"{gid}","resource_type":"task","name":"{}","resource_subtype":"default_task","approval_status":null,"assignee":{},"assignee_status":"inbox","completed":false,"completed_at":null,"completed_by":null,"created_at":"{}","custom_fields":{},"dependencies":[],"dependents":[],"due_at":null,"due_on":"2026-05-04","external":null,"followers":{},"hearted":false,"hearts":[],"html_notes":"<body>{notes}</body>","is_rendered_as_separator":false,"liked":true,"likes":[],"memberships":[{{"project":{},"section":{}}}],"modified_at":"{}","notes":"{notes}","num_hearts":0,"num_likes":{},"num_subtasks":{},"parent":null,"permalink_url":"https://app.asana.com/0/{project}/{gid}","projects":[{}],"start_on":null,"tags":{},"workspace":{}}}"#,
        r.words(5),
        r.reference("user"),
        r.stamp(),
        r.list(3, custom_field),
        r.list(followers, |r| r.reference("user")),
        r.reference("project"),
        r.reference("section"),
        r.stamp(),
        r.below(6),
        r.below(4),
        r.reference("project"),
        r.list(1, |r| r.reference("tag")),
        r.reference("workspace")
    )
    .expect("text has room");
    task
}
