import type { Healthcheck, History, ImageConfig, ImageProcess } from './image-config.ts';

/**
 * The document of an image config (OCI image-spec 1.1 config.md, with Docker's `Healthcheck`, `OnBuild` and `Shell`), from
 * which parseImageConfig makes the same config. The same config makes the same bytes.
 */
export function encodeImageConfig(config: ImageConfig): Buffer {
  const { os, architecture, variant, osVersion, osFeatures } = config.platform;
  return encode({
    created: config.created,
    author: config.author,
    architecture,
    variant,
    os,
    'os.version': osVersion,
    'os.features': osFeatures,
    config: processDocument(config.process),
    rootfs: { type: 'layers', diff_ids: config.diffIds },
    history: config.history.map(historyDocument),
  });
}

/** Undefined fields are left out; keys stand in the order in which they are written. */
function encode(document: Readonly<Record<string, unknown>>): Buffer {
  return Buffer.from(JSON.stringify(document));
}

function processDocument(process: ImageProcess): Readonly<Record<string, unknown>> {
  return {
    User: process.user,
    ExposedPorts: setOf(process.exposedPorts),
    Env: listOf(process.env),
    Entrypoint: listOf(process.entrypoint),
    Cmd: listOf(process.cmd),
    Healthcheck: process.healthcheck && healthcheckDocument(process.healthcheck),
    Volumes: setOf(process.volumes),
    WorkingDir: process.workingDir,
    OnBuild: listOf(process.onBuild),
    Labels: Object.keys(process.labels).length === 0 ? undefined : process.labels,
    StopSignal: process.stopSignal,
    Shell: process.shell,
  };
}

function healthcheckDocument(check: Healthcheck): Readonly<Record<string, unknown>> {
  return {
    Test: check.test,
    Interval: check.interval,
    Timeout: check.timeout,
    StartPeriod: check.startPeriod,
    StartInterval: check.startInterval,
    Retries: check.retries,
  };
}

function historyDocument(entry: History): Readonly<Record<string, unknown>> {
  return {
    created: entry.created,
    created_by: entry.createdBy,
    author: entry.author,
    comment: entry.comment,
    empty_layer: entry.emptyLayer || undefined,
  };
}

/** Go's map[string]struct{}. */
function setOf(names: readonly string[]): Readonly<Record<string, object>> | undefined {
  return names.length === 0 ? undefined : Object.fromEntries(names.map((name) => [name, {}]));
}

function listOf(values: readonly string[]): readonly string[] | undefined {
  return values.length === 0 ? undefined : values;
}
