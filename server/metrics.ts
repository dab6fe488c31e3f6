/**
 * Counts what one broker process does, for the console to show.
 *
 * Names of what Kafka measures too follow the names that its Prometheus exporters are commonly given; counters only grow.
 *
 * @module
 */
import type { Metric, MetricSample } from "../console/source.ts";
import type { RequestServed } from "../actors/broker/connection.ts";

/** Upper bounds of the request-time histogram, in seconds. */
const BOUNDS_S = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

interface ApiCount {
  requests: number;
  requestBytes: number;
  responseBytes: number;
  seconds: number;
  readonly buckets: number[];
}

/** Counters of requests by API. */
export class RequestMetrics {
  readonly #apis = new Map<string, ApiCount>();
  #refused = 0;

  /** Counts one served request. */
  observe(served: RequestServed): void {
    let count = this.#apis.get(served.api);
    if (count === undefined) {
      count = { requests: 0, requestBytes: 0, responseBytes: 0, seconds: 0, buckets: BOUNDS_S.map(() => 0) };
      this.#apis.set(served.api, count);
    }
    const seconds = served.durationMs / 1000;
    count.requests++;
    count.requestBytes += served.requestBytes;
    count.responseBytes += served.responseBytes;
    count.seconds += seconds;
    const bucket = BOUNDS_S.findIndex((bound) => seconds <= bound);
    if (bucket >= 0) count.buckets[bucket]!++;
  }

  /** Counts a connection that this side closed for what it sent. */
  refused(): void {
    this.#refused++;
  }

  /** All of it, as metrics. */
  collect(): Metric[] {
    const apis = [...this.#apis];
    const perApi = (value: (count: ApiCount) => number) =>
      apis.map(([api, count]): MetricSample => ({ labels: { api }, value: value(count) }));
    return [
      counter("samsa_requests_total", "Requests answered", perApi((count) => count.requests)),
      counter("samsa_request_bytes_total", "Bytes of requests", perApi((count) => count.requestBytes)),
      counter("samsa_response_bytes_total", "Bytes of responses", perApi((count) => count.responseBytes)),
      {
        name: "samsa_request_seconds",
        help: "Time from a request's start to its answer, waiting included",
        type: "histogram",
        samples: apis.flatMap(([api, count]) => histogram(api, count)),
      },
      counter("samsa_connections_refused_total", "Connections closed for what they sent", [{
        labels: {},
        value: this.#refused,
      }]),
    ];
  }
}

function histogram(api: string, count: ApiCount): MetricSample[] {
  let sum = 0;
  const buckets = BOUNDS_S.map((bound, index): MetricSample => {
    sum += count.buckets[index]!;
    return { suffix: "_bucket", labels: { api, le: String(bound) }, value: sum };
  });
  return [
    ...buckets,
    { suffix: "_bucket", labels: { api, le: "+Inf" }, value: count.requests },
    { suffix: "_sum", labels: { api }, value: count.seconds },
    { suffix: "_count", labels: { api }, value: count.requests },
  ];
}

function counter(name: string, help: string, samples: MetricSample[]): Metric {
  return { name, help, type: "counter", samples };
}

/** A value that goes up and down. */
export function gauge(name: string, help: string, samples: readonly MetricSample[] | number): Metric {
  return {
    name,
    help,
    type: "gauge",
    samples: typeof samples === "number" ? [{ labels: {}, value: samples }] : samples,
  };
}
