//! Deliberate mistakes in the decisions of sessions and their pool.

use std::{fs, io, path::Path};

/// A mistake that the simulation has to find.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mutation {
    /// A word for the command line.
    pub(crate) name: &'static str,
    /// What is wrong then.
    pub(crate) what: &'static str,
    edits: &'static [Edit],
}

/// One change of a source file.
#[derive(Clone, Copy, Debug)]
struct Edit {
    /// The file, from the folder of the workspace.
    file: &'static str,
    /// What is there exactly once.
    from: &'static str,
    to: &'static str,
}

/// The mistakes.
pub(crate) const ALL: &[Mutation] = &[
    Mutation {
        name: "wide-window",
        what: "60 frames may be under way to a worker, whose queue holds 50",
        edits: &[Edit {
            file: "crates/wire/src/session/credit.rs",
            from: "const WINDOW: u64 = 40;",
            to: "const WINDOW: u64 = 60;",
        }],
    },
    Mutation {
        name: "early-lane",
        what: "a lane is free before the end of its last pair is known to be taken",
        edits: &[Edit {
            file: "crates/wire/src/session/lane.rs",
            from: "self.pairs == 0 && self.acked >= self.last_end && !self.late",
            to: "self.pairs == 0 && !self.late",
        }],
    },
    Mutation {
        name: "shared-lane",
        what: "a new pair gets the next lane, whether it is free or not",
        edits: &[Edit {
            file: "crates/wire/src/session/lending.rs",
            from: ".find(|&lane| self.lane(lane).is_free())",
            to: ".next()",
        }],
    },
    Mutation {
        name: "forgotten-tails",
        what: "a session is clean while the runtime still sends for pairs that were reset",
        edits: &[Edit {
            file: "crates/wire/src/session.rs",
            from: "            && self.tails.is_empty()\n",
            to: "",
        }],
    },
    Mutation {
        name: "pings-while-late",
        what: "lanes are fenced by PINGs while one of them is late, and fill it",
        edits: &[Edit {
            file: "crates/wire/src/session/fences.rs",
            from: "if self.is_late() || self.round_meets_full_lane(lane) {",
            to: "if false {",
        }],
    },
    Mutation {
        name: "crowded-lane",
        what: "on a shared lane no slot is kept for the end of each pair",
        edits: &[Edit {
            file: "crates/wire/src/session/lane.rs",
            from: "        u64::from(self.pairs.saturating_sub(1))\n",
            to: "        0\n",
        }],
    },
    Mutation {
        name: "early-cut",
        what: "a slow app is reset before it has held up its neighbours for long",
        edits: &[Edit {
            file: "crates/wire/src/session/backlog.rs",
            from: "waiting.took.max(paused).max(neighbour)",
            to: "{\n            let _ = paused;\n            waiting.took.max(neighbour)\n        }",
        }],
    },
    Mutation {
        name: "data-behind-end",
        what: "bytes that wait are sent behind the runtime's end of their pair",
        edits: &[Edit {
            file: "crates/wire/src/session/pairs.rs",
            from: "            self.events.push_back(Event::Stopped(id));\n",
            to: "",
        }],
    },
    Mutation {
        name: "early-end",
        what: "a pair is over before its error text has come",
        edits: &[Edit {
            file: "crates/wire/src/session/pair.rs",
            from: "        let (Some(data), Some(error)) = (self.data_end, self.error_end) else {\n            return None;\n        };\n",
            to: "        let data = self.data_end?;\n        let error = self.error_end.unwrap_or(data);\n",
        }],
    },
    Mutation {
        name: "believed-delivery",
        what: "bytes under way when the runtime ends a pair are taken for delivered",
        edits: &[Edit {
            file: "crates/wire/src/session/pairs.rs",
            from: "        if undelivered {\n            pair.await_delivery",
            to: "        if false {\n            pair.await_delivery",
        }],
    },
    Mutation {
        name: "hindered-lent",
        what: "sessions are lent that are not read, or have a late lane, or are fast",
        edits: &[Edit {
            file: "crates/wire/src/pool.rs",
            from: "            Health::Well\n        };",
            to: "            Health::Paused\n        };",
        }],
    },
    Mutation {
        name: "retired-lent",
        what: "retired sessions are lent",
        edits: &[
            Edit {
                file: "crates/wire/src/pool/report.rs",
                from: "!self.retired && self.free_lanes > reserved",
                to: "self.free_lanes > reserved",
            },
            Edit {
                file: "crates/wire/src/session/lending.rs",
                from: "!self.is_retired() && !self.is_silent()",
                to: "self.fault.is_none() && !self.is_silent()",
            },
        ],
    },
    Mutation {
        name: "endless-patience",
        what: "connections wait for the sessions that a pool begins with, however long those take",
        edits: &[Edit {
            file: "crates/wire/src/pool/founders.rs",
            from: "        (now < at + TOGETHER).then_some(last)\n",
            to: "        (now >= at).then_some(last)\n",
        }],
    },
    Mutation {
        name: "uncounted-lanes",
        what: "lanes that are lent and not used yet are lent again",
        edits: &[Edit {
            file: "crates/wire/src/pool/report.rs",
            from: "!self.retired && self.free_lanes > reserved",
            to: "!self.retired && self.free_lanes > 0 && reserved < 5",
        }],
    },
    Mutation {
        name: "closed-while-lent",
        what: "a session of no more use is closed while a lane of it is lent",
        edits: &[Edit {
            file: "crates/wire/src/pool/sessions.rs",
            from: "        if !self.is_unused() {\n            None",
            to: "        if self.report.pairs > 0 {\n            None",
        }],
    },
    Mutation {
        name: "proved-again",
        what: "the peer of every session is asked what it is",
        edits: &[Edit {
            file: "crates/wire/src/pool.rs",
            from: "            self.proving = true;\n",
            to: "",
        }],
    },
    Mutation {
        name: "proof-that-dials",
        what: "the peer is asked what it is by a whole pair, which is dialled",
        edits: &[Edit {
            file: "crates/wire/src/session/prove.rs",
            from: "        let opening = self.lane_mut(lane).sent();\n",
            to: "        let opening = self.lane_mut(lane).sent();\n        let data = StreamId::new(lane.next_odd(self.next_stream)).unwrap_or(stream);\n        self.next_stream = data.get() + 2;\n        self.open_stream(data, super::DATA, stream, PORT);\n",
        }],
    },
    Mutation {
        name: "proof-left-open",
        what: "the stream by which the peer was asked what it is stays open",
        edits: &[Edit {
            file: "crates/wire/src/session/prove.rs",
            from: "            self.output\n                .extend_from_slice(&spdy::reset(stream, ResetStatus::CANCEL));\n",
            to: "            let _ = spdy::reset(stream, ResetStatus::CANCEL);\n",
        }],
    },
    Mutation {
        name: "silent-lent",
        what: "sessions are lent whose peer may be dead",
        edits: &[Edit {
            file: "crates/wire/src/session/lending.rs",
            from: "!self.is_retired() && !self.is_silent()",
            to: "!self.is_retired()",
        }],
    },
    Mutation {
        name: "forgotten-request",
        what: "connections that wait are forgotten when a session cannot be made",
        edits: &[Edit {
            file: "crates/wire/src/pool.rs",
            from: "            self.actions.extend(\n                refused\n                    .into_iter()\n                    .map(|request| Action::Refuse(request, session)),\n            );\n",
            to: "            drop(refused);\n",
        }],
    },
    Mutation {
        name: "waits-out-the-pause",
        what: "a connection waits until the pause after a failure is over",
        edits: &[Edit {
            file: "crates/wire/src/pool/pace.rs",
            from: "self.held_from = self.held_from.min(soonest);",
            to: "let _ = soonest;",
        }],
    },
    Mutation {
        name: "ignored-429",
        what: "the pause that the API server asks for is not kept",
        edits: &[Edit {
            file: "crates/wire/src/pool/pace.rs",
            from: "self.asked_until = self.asked_until.max(now + asked.min(LONGEST_ASKED_HELD));",
            to: "self.asked_until = now;",
        }],
    },
];

impl Mutation {
    /// Makes the mistake in the sources under `folder`; gives what the changed files were before.
    ///
    /// # Errors
    /// A text to be replaced is not there exactly once: the source has changed, and the mutation has to follow it.
    pub(crate) fn apply(&self, folder: &Path) -> io::Result<Vec<(&'static str, String)>> {
        let mut before: Vec<(&'static str, String)> = Vec::new();
        for edit in self.edits {
            let path = folder.join(edit.file);
            let text = fs::read_to_string(&path)?;
            let found = text.matches(edit.from).count();
            if found != 1 {
                return Err(io::Error::other(format!(
                    "mutation {}: {} has {found} times, not once:\n{}",
                    self.name, edit.file, edit.from
                )));
            }
            fs::write(&path, text.replace(edit.from, edit.to))?;
            if before.iter().all(|(file, _)| *file != edit.file) {
                before.push((edit.file, text));
            }
        }
        Ok(before)
    }
}
