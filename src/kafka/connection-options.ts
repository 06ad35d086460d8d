import { type ConnectionOptions, SASLMechanisms } from '@platformatic/kafka';
import { type KafkaConfig, logLevel, type SASLOptions } from 'kafkajs';

/** How to reach a cluster, with secrets resolved. */
export interface KafkaConnection {
  /** `host:port` each. */
  readonly brokers: readonly string[];
  readonly tls?: {
    /** PEM text; the system's roots otherwise. */
    readonly ca?: string;
    readonly verify: boolean;
  };
  readonly sasl?: {
    readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
    readonly username: string;
    readonly password: string;
  };
}

export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

export const CLIENT_ID = 'sluice';
const CONNECT_TIMEOUT_MS = 5000;

/** `host:port`, `[v6]:port`, or a host alone for port 9092. */
export function parseBroker(text: string): BrokerAddress {
  const match = /^\[?(.*?)\]?(?::(\d+))?$/.exec(text);
  return { host: match?.[1] ?? text, port: Number(match?.[2] ?? 9092) };
}

const MECHANISMS = {
  plain: SASLMechanisms.PLAIN,
  'scram-sha-256': SASLMechanisms.SCRAM_SHA_256,
  'scram-sha-512': SASLMechanisms.SCRAM_SHA_512,
} as const;

/** For the low-level client. @param requestTimeoutMs longer than the longest wait asked of a broker */
export function lowLevelOptions(
  { tls, sasl }: KafkaConnection,
  requestTimeoutMs: number,
): ConnectionOptions {
  return {
    connectTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: requestTimeoutMs,
    maxInflights: 8,
    ...(tls && { tls: tlsOptions(tls), tlsServerName: true }),
    ...(sasl && {
      sasl: {
        mechanism: MECHANISMS[sasl.mechanism],
        username: sasl.username,
        password: sasl.password,
      },
    }),
  };
}

/** For kafkajs, which does the administration. */
export function kafkajsOptions({ brokers, tls, sasl }: KafkaConnection): KafkaConfig {
  return {
    clientId: CLIENT_ID,
    brokers: [...brokers],
    connectionTimeout: CONNECT_TIMEOUT_MS,
    logLevel: logLevel.NOTHING,
    retry: { retries: 5, initialRetryTime: 100 },
    ...(tls && { ssl: tlsOptions(tls) }),
    ...(sasl && { sasl: { ...sasl } as SASLOptions }),
  };
}

function tlsOptions({ ca, verify }: NonNullable<KafkaConnection['tls']>) {
  return { rejectUnauthorized: verify, ...(ca !== undefined && { ca }) };
}
