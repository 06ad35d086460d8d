import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import {
  type LabelsOf,
  METRICS,
  type MetricDefinition,
  type MetricName,
  type MetricOf,
} from './metrics.ts';

type Instrument = Counter | Gauge | Histogram;

/** The instruments of one process, made from the catalogue; two meters share nothing. */
export class Meter {
  readonly #registry = new Registry();
  readonly #instruments: ReadonlyMap<string, Instrument>;

  constructor() {
    this.#instruments = new Map(
      Object.entries(METRICS).map(([name, metric]) => [
        name,
        instrument(name, metric, this.#registry),
      ]),
    );
  }

  count<Name extends MetricOf<'counter'>>(name: Name, labels: LabelsOf<Name>, by = 1): void {
    const counter = this.#instruments.get(name);
    if (counter instanceof Counter) counter.inc(labels, by);
  }

  set<Name extends MetricOf<'gauge'>>(name: Name, labels: LabelsOf<Name>, value: number): void {
    const gauge = this.#instruments.get(name);
    if (gauge instanceof Gauge) gauge.set(labels, value);
  }

  observe<Name extends MetricOf<'histogram'>>(
    name: Name,
    labels: LabelsOf<Name>,
    value: number,
  ): void {
    const histogram = this.#instruments.get(name);
    if (histogram instanceof Histogram) histogram.observe(labels, value);
  }

  /** Takes one series away, so that a dashboard shows no value where there is none. */
  remove<Name extends MetricName>(name: Name, labels: LabelsOf<Name>): void {
    this.#instruments.get(name)?.remove(labels);
  }

  /** Prometheus text format. */
  async text(): Promise<{ readonly contentType: string; readonly body: string }> {
    return { contentType: this.#registry.contentType, body: await this.#registry.metrics() };
  }
}

function instrument(name: string, metric: MetricDefinition, registry: Registry): Instrument {
  const settings = {
    name,
    help: metric.help,
    labelNames: [...metric.labels],
    registers: [registry],
  };
  switch (metric.type) {
    case 'counter':
      return new Counter(settings);
    case 'gauge':
      return new Gauge(settings);
    case 'histogram':
      return new Histogram({ ...settings, buckets: [...(metric.buckets ?? [])] });
  }
}
