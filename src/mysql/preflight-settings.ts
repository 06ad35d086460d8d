import { type Finding, ok } from '../control/finding.ts';
import type { MysqlSession } from './connection.ts';

/** Global variables by name, as the server prints them; a server that lacks one has no entry. */
export type Variables = ReadonlyMap<string, string>;

interface Requirement {
  readonly variable: string;
  readonly wanted: string;
  readonly severity: 'warning' | 'fatal';
  /** Why, as the rest of a sentence about the value. */
  readonly why: string;
  /** Absent for what only a restart changes. */
  readonly fixSql?: string;
}

const GTID_ON = [
  'SET PERSIST enforce_gtid_consistency = ON',
  'SET PERSIST gtid_mode = OFF_PERMISSIVE',
  'SET PERSIST gtid_mode = ON_PERMISSIVE',
  'SET PERSIST gtid_mode = ON',
].join('; ');

const REQUIREMENTS: readonly Requirement[] = [
  {
    variable: 'log_bin',
    wanted: 'ON',
    severity: 'fatal',
    why: 'without a binary log there is nothing to capture; start the server with log_bin (on RDS: turn automated backups on)',
  },
  {
    variable: 'binlog_format',
    wanted: 'ROW',
    severity: 'fatal',
    why: 'statements cannot be turned into row changes',
    fixSql: 'SET PERSIST binlog_format = ROW',
  },
  {
    variable: 'binlog_row_image',
    wanted: 'FULL',
    severity: 'fatal',
    why: 'row changes would lack columns',
    fixSql: 'SET PERSIST binlog_row_image = FULL',
  },
  {
    variable: 'binlog_row_metadata',
    wanted: 'FULL',
    severity: 'fatal',
    why: 'row changes would come without column names; needs MySQL 8.0.1 or later',
    fixSql: 'SET PERSIST binlog_row_metadata = FULL',
  },
  {
    variable: 'gtid_mode',
    wanted: 'ON',
    severity: 'fatal',
    why: 'positions are GTID sets; take the steps one by one, on every server of the replication group',
    fixSql: GTID_ON,
  },
  {
    variable: 'enforce_gtid_consistency',
    wanted: 'ON',
    severity: 'fatal',
    why: 'GTIDs need it',
    fixSql: 'SET PERSIST enforce_gtid_consistency = ON',
  },
  {
    variable: 'binlog_row_value_options',
    wanted: '',
    severity: 'fatal',
    why: 'partial JSON updates are not captured yet',
    fixSql: "SET PERSIST binlog_row_value_options = ''",
  },
  {
    variable: 'binlog_order_commits',
    wanted: 'ON',
    severity: 'warning',
    why: 'transactions may become visible in another order than they are logged in',
    fixSql: 'SET PERSIST binlog_order_commits = ON',
  },
];

const OTHERS = ['server_id', 'binlog_expire_logs_seconds', 'innodb_native_foreign_keys', 'version'];
const REPLICA = [
  'log_replica_updates',
  'log_slave_updates',
  'replica_preserve_commit_order',
  'slave_preserve_commit_order',
];
const ONE_DAY_S = 86_400;

export async function readVariables(session: MysqlSession): Promise<Variables> {
  const names = [...REQUIREMENTS.map(({ variable }) => variable), ...OTHERS, ...REPLICA];
  const rows = await session.query(
    'SHOW GLOBAL VARIABLES WHERE Variable_name IN (?)',
    'reading the settings of the server',
    [names],
  );
  return new Map(rows.map((row) => [row['Variable_name'] ?? '', row['Value'] ?? '']));
}

/** @param serverId the replica server id the pipeline presents */
export function settingFindings(variables: Variables, serverId: number): readonly Finding[] {
  return [
    ...REQUIREMENTS.map((requirement) => requirementFinding(requirement, variables)),
    serverIdFinding(variables, serverId),
    retentionFinding(variables),
  ];
}

/** What else a server must do that is itself a replica. */
export function replicaFindings(variables: Variables): readonly Finding[] {
  const forwards = variables.has('log_replica_updates')
    ? 'log_replica_updates'
    : 'log_slave_updates';
  const ordered = variables.has('replica_preserve_commit_order')
    ? 'replica_preserve_commit_order'
    : 'slave_preserve_commit_order';
  return [
    requirementFinding(
      {
        variable: forwards,
        wanted: 'ON',
        severity: 'fatal',
        why: `this server is a replica and would not log what it applies; start it with ${forwards}`,
      },
      variables,
    ),
    requirementFinding(
      {
        variable: ordered,
        wanted: 'ON',
        severity: 'warning',
        why: 'this replica may apply transactions in another order than its source',
        fixSql: `STOP REPLICA SQL_THREAD; SET PERSIST ${ordered} = ON; START REPLICA SQL_THREAD`,
      },
      variables,
    ),
  ];
}

function requirementFinding(requirement: Requirement, variables: Variables): Finding {
  const { variable, wanted, severity, why, fixSql } = requirement;
  // A server too old for an option behaves as if it were empty.
  const value = variables.get(variable) ?? '';
  if (value === wanted) return ok(variable, `${variable} is ${value || 'empty'}.`);
  return {
    check: variable,
    severity,
    message: `${variable} is ${value || 'not set'} and must be ${wanted || 'empty'}: ${why}.`,
    ...(fixSql === undefined ? {} : { fixSql }),
  };
}

function serverIdFinding(variables: Variables, serverId: number): Finding {
  const check = 'server_id';
  const value = Number(variables.get(check));
  if (value === 0)
    return {
      check,
      severity: 'fatal',
      message: 'server_id is 0: the server accepts no replica.',
      fixSql: 'SET PERSIST server_id = 1',
    };
  if (value === serverId)
    return {
      check,
      severity: 'fatal',
      message: `source.serverId is ${serverId}, which is the server's own id. Give the pipeline another one.`,
    };
  return ok(check, `server_id is ${value}, the pipeline reads as ${serverId}.`);
}

/** 0 means that files are never purged by age. */
function retentionFinding(variables: Variables): Finding {
  const check = 'binlog_expire_logs_seconds';
  const seconds = Number(variables.get(check) ?? 0);
  if (seconds === 0 || seconds >= ONE_DAY_S) return ok(check, `${check} is ${seconds}.`);
  return {
    check,
    severity: 'warning',
    message: `${check} is ${seconds}: a pipeline that stands still longer than that has lost its position.`,
    fixSql: 'SET PERSIST binlog_expire_logs_seconds = 604800',
  };
}
