import { describe, expect, it } from 'vitest';
import { addressFromEnvironment, BadInput, type ServerName } from '../../../tools/stack/address.ts';

describe('an address in the environment', () => {
  it.each([
    [
      'mysql',
      { SLUICE_MYSQL_URL: 'mysql://cdc:p%40ss@db.example:3310' },
      { host: 'db.example', port: 3310, user: 'cdc', password: 'p@ss' },
    ],
    [
      'mysql',
      { SLUICE_MYSQL_URL: 'mysql://db.example' },
      { host: 'db.example', port: 3306, user: 'root', password: '' },
    ],
    [
      'mariadb',
      { SLUICE_MARIADB_URL: 'mysql://root:x@127.0.0.1:3307' },
      { host: '127.0.0.1', port: 3307, user: 'root', password: 'x' },
    ],
    ['kafka', { SLUICE_KAFKA_BROKERS: 'a:9092, b:9093' }, { brokers: ['a:9092', 'b:9093'] }],
    [
      'temporal',
      { SLUICE_TEMPORAL_ADDRESS: 't:7233' },
      { address: 't:7233', namespace: 'default' },
    ],
    [
      'temporal',
      { SLUICE_TEMPORAL_ADDRESS: 't:7233', SLUICE_TEMPORAL_NAMESPACE: 'cdc' },
      { address: 't:7233', namespace: 'cdc' },
    ],
    ['bigquery', { SLUICE_BIGQUERY_URL: 'http://b:9050/' }, { url: 'http://b:9050' }],
  ] as const)('of %s is read from %o', (name, env, address) => {
    expect(addressFromEnvironment(name, env)).toEqual(address);
  });

  it('that is empty counts as not set', () => {
    expect(addressFromEnvironment('kafka', { SLUICE_KAFKA_BROKERS: '' })).toBeUndefined();
    expect(addressFromEnvironment('kafka', {})).toBeUndefined();
  });

  it.each<[ServerName, string, string]>([
    ['mysql', 'SLUICE_MYSQL_URL', 'postgres://root:secret@h:1'],
    ['mysql', 'SLUICE_MYSQL_URL', 'root:secret@h'],
    ['kafka', 'SLUICE_KAFKA_BROKERS', 'secret-without-port'],
    ['temporal', 'SLUICE_TEMPORAL_ADDRESS', 'http://secret:7233'],
  ])('of %s in %s that reads %s is refused without repeating it', (name, variable, value) => {
    const read = () => addressFromEnvironment(name, { [variable]: value });
    expect(read).toThrow(BadInput);
    expect(read).toThrow(variable);
    expect(read).not.toThrow('secret');
  });
});
