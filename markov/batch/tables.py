"""The tables of the store, as SQL that a reader of the file understands: one line a column."""

from markov.terms import CostCategory

STORE_VERSION = 1

COST_COLUMNS = tuple(f"cost_{category}" for category in CostCategory)

SCHEMA = f"""
CREATE TABLE IF NOT EXISTS about (
  name TEXT PRIMARY KEY,   -- 'store version', …
  value TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS runs (
  run INTEGER PRIMARY KEY, -- one row each time that markov batch computes into this folder
  command TEXT NOT NULL,
  program TEXT NOT NULL,   -- version, and digest of the program's source
  host TEXT NOT NULL,
  process INTEGER NOT NULL,
  started TEXT NOT NULL,   -- UTC
  heartbeat REAL NOT NULL, -- seconds since 1970: the run lives as long as it moves
  finished TEXT,           -- UTC; empty while the run goes on, or where it was killed
  outcome TEXT             -- complete, failures, interrupted
);
CREATE TABLE IF NOT EXISTS workbooks (
  run INTEGER NOT NULL,
  workbook TEXT NOT NULL,  -- short name, as in every other table
  place INTEGER NOT NULL,  -- order on the command line
  file TEXT NOT NULL,
  sha256 TEXT,             -- of the file's bytes, for the record: results do not depend on it
  title TEXT,
  currency TEXT,
  state TEXT NOT NULL,     -- read, failed, blank
  PRIMARY KEY (run, workbook)
);
CREATE TABLE IF NOT EXISTS strategies (
  run INTEGER NOT NULL,
  workbook TEXT NOT NULL,
  strategy TEXT NOT NULL,  -- id
  label TEXT NOT NULL,
  PRIMARY KEY (run, workbook, strategy)
);
CREATE TABLE IF NOT EXISTS jobs (
  run INTEGER NOT NULL,
  job INTEGER NOT NULL,    -- order within the run
  workbook TEXT NOT NULL,
  scenario TEXT NOT NULL,  -- 'Base case', a scenario, or several joined by ' + '; empty where the workbook failed
  analysis TEXT NOT NULL,  -- base, psa, report
  draws INTEGER NOT NULL,  -- of psa, otherwise 0
  key TEXT,                -- of the result, SHA-256 of its content; empty where the job cannot be run
  reason TEXT NOT NULL,    -- why the scenario is run
  thresholds TEXT NOT NULL,-- per QALY, with ; between
  reference TEXT NOT NULL, -- strategy that the others are compared with
  PRIMARY KEY (run, job)
);
CREATE INDEX IF NOT EXISTS jobs_by_key ON jobs (key);
CREATE TABLE IF NOT EXISTS changes (
  run INTEGER NOT NULL,
  workbook TEXT NOT NULL,
  scenario TEXT NOT NULL,  -- a listed one; those of a grid are made of these
  id TEXT NOT NULL,
  label TEXT NOT NULL,
  unit TEXT NOT NULL,
  base_value,              -- number or text; empty for none
  value,
  reason TEXT NOT NULL,
  cell TEXT NOT NULL,
  PRIMARY KEY (run, workbook, scenario, id)
);
CREATE TABLE IF NOT EXISTS conflicts (
  run INTEGER NOT NULL,
  workbook TEXT NOT NULL,
  first TEXT NOT NULL,     -- two scenarios that a grid does not combine …
  second TEXT NOT NULL,
  id TEXT NOT NULL,        -- … because they give this id different values
  PRIMARY KEY (run, workbook, first, second)
);
CREATE TABLE IF NOT EXISTS problems (
  run INTEGER NOT NULL,
  job INTEGER NOT NULL,
  place TEXT NOT NULL,     -- file, sheet and cell
  rule TEXT NOT NULL,
  found TEXT,
  remedy TEXT NOT NULL,
  message TEXT NOT NULL    -- all of it as one sentence
);
CREATE TABLE IF NOT EXISTS answers (
  key TEXT PRIMARY KEY,    -- one row for each computed result, whatever jobs ask for it
  analysis TEXT NOT NULL,
  program TEXT NOT NULL,
  seconds REAL NOT NULL,
  computed TEXT NOT NULL,  -- UTC
  file TEXT,               -- draws (.npz) or report (.xlsx), relative to the folder
  failed_checks TEXT       -- in words, one a line; empty where all passed
);
CREATE TABLE IF NOT EXISTS results (
  key TEXT NOT NULL,
  place INTEGER NOT NULL,  -- 0 is the reference
  strategy TEXT NOT NULL,
  cost REAL NOT NULL,      -- discounted, per patient, in the workbook's currency; for psa the mean over draws
  qaly REAL NOT NULL,      -- discounted
  life_years REAL NOT NULL,-- discounted
  life_years_undiscounted REAL, -- base only
  cost_error REAL,         -- Monte Carlo standard error of the mean, psa only
  qaly_error REAL,
  {", ".join(f"{column} REAL" for column in COST_COLUMNS)}, -- parts of cost, base only
  PRIMARY KEY (key, place)
);
CREATE TABLE IF NOT EXISTS acceptability (
  key TEXT NOT NULL,       -- psa only
  threshold REAL NOT NULL,
  strategy TEXT NOT NULL,
  net_benefit REAL NOT NULL, -- mean over draws
  probability REAL NOT NULL, -- share of draws in which the strategy has the highest net benefit
  PRIMARY KEY (key, threshold, strategy)
);
CREATE TABLE IF NOT EXISTS computations (
  computation INTEGER PRIMARY KEY, -- one row each time that a key was taken up
  key TEXT NOT NULL,
  run INTEGER NOT NULL,
  started TEXT NOT NULL,   -- UTC
  finished TEXT,           -- UTC
  outcome TEXT             -- done, failed, lost (its process ended), interrupted; empty while it goes on
);
CREATE INDEX IF NOT EXISTS computations_by_key ON computations (key);
CREATE VIEW IF NOT EXISTS job_states AS
  SELECT jobs.*, CASE
    WHEN EXISTS (SELECT 1 FROM problems WHERE problems.run = jobs.run AND problems.job = jobs.job) THEN 'failed'
    WHEN EXISTS (SELECT 1 FROM answers WHERE answers.key = jobs.key) THEN 'done'
    ELSE 'left' END AS state
  FROM jobs;
"""
