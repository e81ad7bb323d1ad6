//! What the server holds: two workspaces and all that is in them, the same in each run.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::shape::{Shapes, instant};

/// The manifest, which shapes the data.
pub(crate) const MANIFEST: &str = include_str!("../../../asana.yaml");

/// The gid of the token's own user.
pub(crate) const ME: &str = "12020000000001";

/// How much there is of what can be much.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Tasks of the first project.
    pub(crate) tasks: usize,
    /// Stories of the first task; the others have two each.
    pub(crate) stories: usize,
    /// Tags of the first workspace.
    pub(crate) tags: usize,
}

impl Default for Size {
    fn default() -> Self {
        Self {
            tasks: 12,
            stories: 120,
            tags: 205,
        }
    }
}

/// Records by what lists them: a kind, and the gid of the parent (empty for workspaces).
pub(super) struct Data {
    shapes: Shapes,
    lists: HashMap<(&'static str, String), Vec<Value>>,
}

/// The kinds, in the order of the numbers in their gids.
const KINDS: [&str; 14] = [
    "workspace",
    "user",
    "team",
    "team_membership",
    "project",
    "section",
    "task",
    "story",
    "tag",
    "attachment",
    "custom_field",
    "portfolio",
    "portfolio_membership",
    "project_brief",
];

impl Data {
    pub(super) fn new(size: Size) -> Self {
        let mut data = Self {
            shapes: Shapes::of(MANIFEST),
            lists: HashMap::new(),
        };
        let workspaces = [data.workspace(1, true), data.workspace(2, false)];
        data.lists
            .insert(("workspaces", String::new()), workspaces.to_vec());
        let users: Vec<Value> = (1..=4).map(|n| data.make("users", "user", n)).collect();
        // The third user is in both workspaces.
        data.put("users", &workspaces[0], users[..3].to_vec());
        data.put("users", &workspaces[1], users[2..].to_vec());
        let teams = data.teams(&workspaces[0], &users);
        let projects = data.projects(&workspaces, &users, &teams);
        data.custom_fields(&workspaces[0], &users);
        data.tags(&workspaces, size);
        data.tasks(&workspaces, &users, &projects, size);
        data.portfolios(&workspaces[0], &users, &projects);
        for project in &projects {
            data.events_and_updates(project, &users[0]);
        }
        data
    }

    /// The records that a parent lists; `None` when there is no such parent, or nothing for it.
    pub(super) fn list(&self, kind: &str, parent: &str) -> Option<&[Value]> {
        let found = self
            .lists
            .iter()
            .find(|((k, p), _)| *k == kind && p == parent);
        found.map(|(_, records)| records.as_slice())
    }

    /// The one record of a kind with a gid.
    pub(super) fn find(&self, kind: &str, gid: &str) -> Option<&Value> {
        let lists = self.lists.iter().filter(|((k, _), _)| *k == kind);
        lists
            .flat_map(|(_, records)| records)
            .find(|record| record["gid"] == gid)
    }

    /// An organization export that has been asked for `polls` times.
    pub(super) fn export(&self, gid: &str, organization: &str, polls: usize) -> Value {
        let state = ["pending", "started", "finished"][polls.min(2)];
        let mut export = self
            .shapes
            .record("organization_exports", "organization_export", gid, 1);
        export["state"] = json!(state);
        export["created_at"] = json!(instant(1));
        export["download_url"] = if polls < 2 {
            Value::Null
        } else {
            json!(format!("https://example.com/{gid}.gz"))
        };
        if let Some(workspace) = self.find("workspaces", organization) {
            self.shapes.link(
                "organization_exports",
                &mut export,
                "organization",
                workspace,
            );
        }
        export
    }

    /// What a full read of a stream of `asana.yaml` gives.
    pub(super) fn records(&self, stream: &str) -> Vec<Value> {
        let parents: &[&str] = match stream {
            "workspaces" => return self.list(stream, "").unwrap_or_default().to_vec(),
            "project_details" => return self.records("projects"),
            "users" | "teams" | "projects" | "tags" | "custom_fields" | "portfolios" => {
                &["workspaces"]
            }
            "team_memberships" => &["teams"],
            "sections" | "tasks" | "events" => &["projects"],
            "stories" => &["tasks"],
            "attachments" => &["tasks", "projects", "project_briefs"],
            "portfolios_memberships" | "portfolio_items" => &["portfolios"],
            "status_updates" => &["projects"],
            "project_briefs" => {
                let briefs = self
                    .records("projects")
                    .into_iter()
                    .map(|mut project| project["project_brief"].take());
                return briefs.filter(Value::is_object).collect();
            }
            compact => {
                let whole = compact
                    .strip_suffix("_compact")
                    .expect("a stream of asana.yaml");
                return self
                    .records(whole)
                    .iter()
                    .map(|record| self.shapes.narrow(compact, record))
                    .collect();
            }
        };
        let slices = parents
            .iter()
            .flat_map(|parent| self.records(parent))
            .map(|parent| {
                let gid = parent["gid"].as_str().unwrap_or_default();
                let mut records = self.list(stream, gid).unwrap_or_default().to_vec();
                if stream == "portfolio_items" {
                    records
                        .iter_mut()
                        .for_each(|record| record["portfolio_gid"] = json!(gid));
                }
                records
            });
        slices.flatten().collect()
    }

    fn make(&self, stream: &str, kind: &str, n: usize) -> Value {
        let number = KINDS
            .iter()
            .position(|k| *k == kind)
            .map_or(99, |index| index + 1);
        self.shapes
            .record(stream, kind, &format!("12{number:02}{n:010}"), n)
    }

    fn put(&mut self, kind: &'static str, parent: &Value, records: Vec<Value>) {
        let gid = parent["gid"].as_str().unwrap_or_default().to_owned();
        self.lists.insert((kind, gid), records);
    }

    fn workspace(&self, n: usize, is_organization: bool) -> Value {
        let mut workspace = self.make("workspaces", "workspace", n);
        workspace["is_organization"] = json!(is_organization);
        workspace
    }

    fn teams(&mut self, workspace: &Value, users: &[Value]) -> Vec<Value> {
        let mut teams: Vec<Value> = (1..=2).map(|n| self.make("teams", "team", n)).collect();
        for (index, team) in teams.iter_mut().enumerate() {
            self.shapes.link("teams", team, "organization", workspace);
            let members = users[..=index + 1].iter().enumerate().map(|(n, user)| {
                let mut member = self.make("team_memberships", "team_membership", index * 10 + n);
                self.shapes
                    .link("team_memberships", &mut member, "team", team);
                self.shapes
                    .link("team_memberships", &mut member, "user", user);
                member
            });
            let members = members.collect();
            self.put("team_memberships", team, members);
        }
        self.put("teams", workspace, teams.clone());
        teams
    }

    /// Three projects in the first workspace, one of them archived and one with a brief; one in the second.
    fn projects(&mut self, workspaces: &[Value], users: &[Value], teams: &[Value]) -> Vec<Value> {
        let mut projects: Vec<Value> = (1..=4)
            .map(|n| self.make("projects", "project", n))
            .collect();
        for (index, project) in projects.iter_mut().enumerate() {
            self.shapes
                .link("projects", project, "workspace", &workspaces[index / 3]);
            self.shapes
                .link("projects", project, "owner", &users[index]);
            project["team"] = Value::Null;
            project["project_brief"] = Value::Null;
            project["archived"] = json!(index == 1);
            if index < 2 {
                self.shapes.link("projects", project, "team", &teams[index]);
            }
            if index == 0 {
                let brief = json!({"gid": "12140000000001", "resource_type": "project_brief"});
                self.shapes
                    .link("projects", project, "project_brief", &brief);
                let brief = project["project_brief"].clone();
                let files = vec![self.attachment(1000, &brief)];
                self.put("attachments", &brief, files);
            }
            let sections = (0..3).map(|n| {
                let mut section = self.make("sections", "section", index * 10 + n + 1);
                self.shapes
                    .link("sections", &mut section, "project", project);
                section
            });
            let sections = sections.collect();
            self.put("sections", project, sections);
            let files = if index == 0 {
                vec![self.attachment(2000, project)]
            } else {
                Vec::new()
            };
            self.put("attachments", project, files);
        }
        self.put("projects", &workspaces[0], projects[..3].to_vec());
        self.put("projects", &workspaces[1], projects[3..].to_vec());
        projects
    }

    fn attachment(&self, n: usize, parent: &Value) -> Value {
        let mut file = self.make("attachments", "attachment", n);
        self.shapes.link("attachments", &mut file, "parent", parent);
        file
    }

    /// Only the first workspace pays for custom fields.
    fn custom_fields(&mut self, workspace: &Value, users: &[Value]) {
        let fields = (1..=4).map(|n| {
            let mut field = self.make("custom_fields", "custom_field", n);
            self.shapes
                .link("custom_fields", &mut field, "created_by", &users[n - 1]);
            field
        });
        let fields = fields.collect();
        self.put("custom_fields", workspace, fields);
    }

    fn tags(&mut self, workspaces: &[Value], size: Size) {
        for (index, count) in [size.tags, 1].into_iter().enumerate() {
            let tags = (1..=count).map(|n| {
                let mut tag = self.make("tags", "tag", index * 100_000 + n);
                self.shapes
                    .link("tags", &mut tag, "workspace", &workspaces[index]);
                tag
            });
            let tags = tags.collect();
            self.put("tags", &workspaces[index], tags);
        }
    }

    /// The second project lists a task of the first one too; the third has none.
    fn tasks(&mut self, workspaces: &[Value], users: &[Value], projects: &[Value], size: Size) {
        let mut shared = Vec::new();
        for (index, count) in [size.tasks, 3, 0, 2].into_iter().enumerate() {
            let project = &projects[index];
            let mut tasks = Vec::new();
            for n in 1..=count {
                let mut task = self.make("tasks", "task", index * 100_000 + n);
                self.shapes
                    .link("tasks", &mut task, "workspace", &workspaces[index / 3]);
                self.shapes
                    .link("tasks", &mut task, "assignee", &users[n % 3]);
                self.shapes
                    .link_all("tasks", &mut task, "projects", &[project]);
                task["modified_at"] = json!(instant(n));
                let section = self.list("sections", project["gid"].as_str().unwrap_or_default());
                let section = section.map_or(Value::Null, |sections| sections[n % 3].clone());
                task["memberships"] =
                    json!([{"project": named(project), "section": named(&section)}]);
                let stories = if index == 0 && n == 1 {
                    size.stories
                } else {
                    2
                };
                self.stories(&task, users, stories, index * 1_000_000 + n * 1000);
                let files = if n % 3 == 1 {
                    vec![self.attachment(index * 100_000 + n, &task)]
                } else {
                    Vec::new()
                };
                self.put("attachments", &task, files);
                tasks.push(task);
            }
            if index == 0 {
                shared = tasks[..1.min(count)].to_vec();
            } else if index == 1 {
                tasks.append(&mut shared);
            }
            self.put("tasks", project, tasks);
        }
    }

    fn stories(&mut self, task: &Value, users: &[Value], count: usize, first: usize) {
        let stories = (1..=count).map(|n| {
            let mut story = self.make("stories", "story", first + n);
            self.shapes.link("stories", &mut story, "target", task);
            self.shapes
                .link("stories", &mut story, "created_by", &users[n % 4]);
            story["created_at"] = json!(instant(n));
            story
        });
        let stories = stories.collect();
        self.put("stories", task, stories);
    }

    /// Two portfolios are the token's own, one is somebody else's. Only the first workspace pays for them.
    fn portfolios(&mut self, workspace: &Value, users: &[Value], projects: &[Value]) {
        let mut all: Vec<Value> = (1..=3)
            .map(|n| self.make("portfolios", "portfolio", n))
            .collect();
        for (index, portfolio) in all.iter_mut().enumerate() {
            self.shapes
                .link("portfolios", portfolio, "workspace", workspace);
            self.shapes
                .link("portfolios", portfolio, "owner", &users[index / 2]);
            let members = (0..2).map(|n| {
                let mut member = self.make(
                    "portfolios_memberships",
                    "portfolio_membership",
                    index * 10 + n + 1,
                );
                self.shapes.link(
                    "portfolios_memberships",
                    &mut member,
                    "portfolio",
                    portfolio,
                );
                self.shapes
                    .link("portfolios_memberships", &mut member, "user", &users[n]);
                member
            });
            let members = members.collect();
            self.put("portfolios_memberships", portfolio, members);
            let items = projects[..=index % 2].to_vec();
            self.put("portfolio_items", portfolio, items);
        }
        self.put("portfolios", workspace, all[..2].to_vec());
        self.put("portfolios of all", workspace, all);
    }

    /// Three events of a project: they happen as soon as a sync token is made for it. And two status updates.
    fn events_and_updates(&mut self, project: &Value, user: &Value) {
        let events = (1..=3).map(|n| {
            let mut event = self.shapes.record(
                "events",
                "event",
                project["gid"].as_str().unwrap_or_default(),
                n,
            );
            self.shapes.link("events", &mut event, "resource", project);
            self.shapes.link("events", &mut event, "user", user);
            event["action"] = json!(["added", "changed", "removed"][n - 1]);
            event["created_at"] = json!(instant(n));
            event
        });
        let events = events.collect();
        self.put("events", project, events);
        let updates = (1..=2).map(|n| {
            json!({"gid": format!("{}{n}", project["gid"].as_str().unwrap_or_default()), "resource_type": "status_update",
                "resource_subtype": "project_status_update", "title": format!("week {n}"), "text": "all well",
                "status_type": "on_track", "created_at": instant(n), "author": named(user), "parent": named(project)})
        });
        let updates = updates.collect();
        self.put("status_updates", project, updates);
    }
}

fn named(record: &Value) -> Value {
    json!({"gid": record["gid"], "resource_type": record["resource_type"], "name": record["name"]})
}
