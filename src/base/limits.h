#pragma once
// Every queue, buffer, retry and wait that has a limit has it here.

#include <chrono>
#include <cstddef>

namespace agentcmd::limits {

using namespace std::chrono_literals;

inline constexpr std::size_t kib = 1024;
inline constexpr std::size_t mib = 1024 * kib;

// JSON from outside.
inline constexpr std::size_t json_bytes_max = 256 * mib;
inline constexpr int json_depth_max = 512;

// What a closure says of its progress, as JSON.
inline constexpr std::size_t progress_bytes_max = 64 * kib;

// History: larger payloads go to the blob store, larger commits are split between appends.
inline constexpr std::size_t inline_payload_max = 4 * kib;
inline constexpr std::size_t commit_bytes_max = 4 * mib;
inline constexpr std::size_t payload_bytes_max = 64 * mib;

// The arguments of a run, as text that is read from a file or a pipe.
inline constexpr std::size_t arguments_bytes_max = 16 * mib;

// How far the code of a run may be ahead of the disk.
inline constexpr std::size_t events_ahead_max = 1024;
// So many times in a row may a worker tell the code what its closures returned, before it answers.
inline constexpr unsigned rounds_ahead_max = 100;

// A database that somebody else has locked is waited for so long; that is said after the first
// part of it.
inline constexpr auto database_busy_part = 3s;
inline constexpr auto database_busy_max = 10min;

// Output of a process: what a result keeps of each stream; the file keeps everything up to
// spool_bytes_max.
inline constexpr std::size_t result_stream_bytes_max = 10 * mib;
inline constexpr std::size_t spool_bytes_max = 1024 * mib;

// Who only shows a stream and is further behind than this goes on near its end.
inline constexpr std::size_t shown_behind_max = 16 * mib;
inline constexpr std::size_t shown_tail_bytes = mib;

// Of what a run shows, so much is kept for a reader that stands still; more output of steps is left
// out then.
inline constexpr std::size_t unread_output_bytes_max = 4 * mib;

// What a snapshot of a run's files takes in of each file that is changed or new, and of all of
// them together; larger ones are left out, and that is said.
inline constexpr std::size_t snapshot_file_bytes_max = 64 * mib;
inline constexpr std::size_t snapshot_bytes_max = 1024 * mib;
// So many of them are named.
inline constexpr std::size_t snapshot_left_out_named_max = 20;

// One frame between driver and workflow worker.
inline constexpr std::size_t worker_frame_bytes_max = 256 * mib;
// What the contexts of all workers of a driver may take up before those that rest are given up, the
// longest first.
inline constexpr std::size_t contexts_bytes_max = 64 * mib;
// Processes of workers that one driver has, if there are as many processors; another one is started
// when each has so many runs.
inline constexpr std::size_t workers_max = 4;
inline constexpr std::size_t runs_in_a_worker = 16;
// A worker that has not answered for so long is killed.
inline constexpr auto worker_answer_max = 10s;
// A run that kills its worker so often is paused.
inline constexpr int worker_deaths_max = 3;
// A run that loses a step so often in a row is paused.
inline constexpr unsigned losses_in_a_row_max = 5;

// What only a driver can bring about, and it has not for so long, is not about to happen.
inline constexpr auto overdue_max = 120s;
// How often a driver looks for such a run among its own.
inline constexpr auto stuck_check_every = 60s;

// A probe of a lost step that takes longer cannot tell.
inline constexpr auto probe_max = 5min;

// A running process is looked at so often, or four times within the shortest silence that it is
// allowed, within these bounds.
inline constexpr auto liveness_look_max = 5s;
inline constexpr auto liveness_look_min = 50ms;
// What a person is shown of what an agent asks; and how long it waits for the answer.
inline constexpr std::size_t question_bytes_max = 64 * kib;
inline constexpr auto agent_ask_timeout = 10min;
// An agent that is silent for so long. Its longest thoughts take some minutes without a word.
inline constexpr auto agent_silence_warn = 5min;
inline constexpr auto agent_silence_interrupt = 10min;
inline constexpr auto agent_silence_kill = 12min;
inline constexpr std::size_t changed_files_looked_at = 20'000;

// Project events: so many are told to a run, or looked through, at once.
inline constexpr std::size_t events_at_once = 100;
inline constexpr std::size_t event_headings_at_once = 1000;
inline constexpr std::size_t event_name_bytes_max = 256;

// A run that has nothing to do for so long sleeps; until then it stays as it is.
inline constexpr auto sleep_min = 2s;
// Sleeping runs that are brought back at once.
inline constexpr std::size_t runs_waking_max = 100;
// A driver looks without having been woken, as wake-ups can be lost; one that keeps a home going
// finds the runs of dead drivers so.
inline constexpr auto driver_look_max = 30s;
inline constexpr auto keeper_look_max = 5s;
// How long a run that could not be executed (disk full, checkout in use) is left alone.
inline constexpr auto run_retry_wait = 10s;
// Runs that invoke runs.
inline constexpr unsigned invoke_depth_max = 16;

// Time for clean-up steps after a cancel, and between TERM and KILL.
inline constexpr auto cancel_grace = 60s;
inline constexpr auto kill_grace = 5s;
// What the code gave up has ended by then, as it is killed; what comes after it waits no longer.
inline constexpr auto withdrawn_max = 2 * kill_grace;

// Runs at once, in one home and in one of its projects, unless configured otherwise.
inline constexpr unsigned runs_at_once = 16;
inline constexpr unsigned runs_at_once_per_project = 8;
// How long a run that waits for a place may not notice that a process which had one was killed.
inline constexpr auto place_look_again = 500ms;

// A due time of a schedule that nobody looked at is made up for so long, unless its definition says
// otherwise; one that is at most late is always.
inline constexpr auto schedule_catch_up = 1h;
inline constexpr auto schedule_lateness = 30s;
// Due times of one schedule at once: those that are made up for, and those that one backfill asks
// for.
inline constexpr std::size_t due_times_max = 100;
// How long a worker may not notice a new event, a changed definition or a changed schedule.
inline constexpr auto triggers_look_again = 1s;
inline constexpr std::size_t trigger_events_at_once = 256;
// What an event or a due time has come to is known for so long.
inline constexpr auto causes_kept = 24h * 30;

// Steps at once in one driver.
inline constexpr int agents_at_once = 4;
inline constexpr int commands_at_once = 8;

// Retention: a bundle that no run is pinned to is kept for so long, and the file of the database is
// made smaller where that gives so much back.
inline constexpr auto bundle_kept_min = 24h;
// How often the retention of the configuration is followed.
inline constexpr auto retention_every = 24h;
// How often a worker asks whether that is so long ago.
inline constexpr auto retention_look_again = 1min;
inline constexpr std::size_t compact_bytes_min = 16 * mib;
// For a moment in which nobody relies on files that nothing refers to.
inline constexpr int sweep_tries_max = 100;
inline constexpr auto sweep_wait = 10ms;
// What doctor takes for a slow disk and a small one, how long a tool may take to say its version,
// and how old a file of a driver must be that nobody holds.
inline constexpr double slow_sync_milliseconds = 20;
inline constexpr std::size_t free_bytes_wanted = 1024 * mib;
inline constexpr auto tool_version_max = 10s;
inline constexpr auto stale_driver_min = 10min;
// Runs that are forgotten in one transaction.
inline constexpr std::size_t forgotten_at_once_max = 64;

static_assert(inline_payload_max < commit_bytes_max);
static_assert(arguments_bytes_max < payload_bytes_max);
static_assert(payload_bytes_max < worker_frame_bytes_max);
static_assert(snapshot_file_bytes_max < snapshot_bytes_max);
static_assert(kill_grace < withdrawn_max && withdrawn_max < cancel_grace);
static_assert(result_stream_bytes_max < spool_bytes_max);

}  // namespace agentcmd::limits
