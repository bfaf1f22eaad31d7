import type { LoadProgress, PullProgress, PushProgress } from '../../images/index.ts';
import { parseReference } from '../../reference/index.ts';
import { familiar } from './image.ts';
import { progressBar } from './progress-bar.ts';

/** One line of a stream of progress (Docker's JSONMessage). */
export interface ProgressMessage {
  readonly id?: string;
  readonly status?: string;
  readonly stream?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
  readonly progress?: string;
  readonly aux?: object;
  readonly error?: string;
  readonly errorDetail?: { readonly message: string };
}

/** What went wrong after the head of an answer is out. */
export function errorMessage(message: string): ProgressMessage {
  return { errorDetail: { message }, error: message };
}

/** Translates a pull's steps; it remembers what it has said. */
export class PullMessages {
  readonly #reference: string;
  readonly #layers = new Map<number, string>();
  #digest: string | undefined;

  /** @param reference as it was asked for */
  constructor(reference: string) {
    this.#reference = reference;
  }

  messagesOf(step: PullProgress): ProgressMessage[] {
    if (step.type === 'resolved') return this.#begin(step.digest);
    if (step.type === 'layer') return this.#layer(step);
    if (step.type === 'warning') return [{ status: step.message }];
    const { manifest } = step.image;
    const begin = this.#digest === undefined ? this.#begin(manifest.digest) : [];
    return [...begin, { status: `Digest: ${this.#digest}` }, { status: this.#status(step.upToDate) }];
  }

  #begin(digest: string): ProgressMessage[] {
    const parsed = parseReference(this.#reference);
    this.#digest = digest;
    return [{ status: `Pulling from ${parsed.path}`, id: parsed.digest ?? parsed.tag ?? 'latest' }];
  }

  #status(upToDate: boolean): string {
    const name = familiar(this.#reference);
    return upToDate
      ? `Status: Image is up to date for ${name}`
      : `Status: Downloaded newer image for ${name}`;
  }

  #layer(step: PullProgress & { type: 'layer' }): ProgressMessage[] {
    const id = shortDigest(step.digest);
    const before = this.#layers.get(step.index);
    this.#layers.set(step.index, step.status);
    const first = before === undefined && step.status !== 'exists' ? [plain(id, 'Pulling fs layer')] : [];
    const isArrived = step.status === 'unpacking' || step.status === 'committing' || step.status === 'done';
    const wasArrived = before === 'unpacking' || before === 'committing' || before === 'done';
    const arrived = isArrived && !wasArrived ? [plain(id, 'Download complete')] : [];
    return [...first, ...arrived, ...layerMessage(id, step)];
  }
}

function layerMessage(
  id: string,
  { status, current, total }: PullProgress & { type: 'layer' },
): ProgressMessage[] {
  switch (status) {
    case 'waiting':
      return [plain(id, 'Waiting')];
    case 'exists':
      return [plain(id, 'Already exists')];
    case 'downloading':
      return [measured(id, 'Downloading', current, total)];
    case 'retrying':
      return [plain(id, 'Retrying')];
    case 'done':
      return [plain(id, 'Pull complete')];
    default:
      return [measured(id, 'Extracting', current, total)];
  }
}

/** What a push of a reference begins with. */
export function pushIntroduction(reference: string): ProgressMessage {
  const { domain, path } = parseReference(reference);
  return { status: `The push refers to repository [${domain}/${path}]` };
}

/** A step of a push; Docker's clients see no configs. */
export function pushMessages(step: PushProgress): ProgressMessage[] {
  if (step.type === 'warning') return [{ status: step.message }];
  if (step.type === 'done') return pushedMessages(step.pushed);
  if (step.kind === 'config') return [];
  const id = shortDigest(step.digest);
  switch (step.status) {
    case 'waiting':
      return [plain(id, 'Waiting')];
    case 'packing':
      return [plain(id, 'Preparing')];
    case 'sending':
      return [measured(id, 'Pushing', step.current, step.total)];
    case 'retrying':
      return [plain(id, 'Retrying')];
    case 'exists':
      return [plain(id, 'Layer already exists')];
    case 'mounted':
      return [plain(id, `Mounted from ${step.from?.[0] ?? ''}`)];
    default:
      return [plain(id, 'Pushed')];
  }
}

/** The digest, once for people and once for programs. */
function pushedMessages({ reference, digest, size }: (PushProgress & { type: 'done' })['pushed']) {
  const tag = parseReference(reference).tag ?? '';
  return [
    { status: `${tag}: digest: ${digest} size: ${size}` },
    { progressDetail: {}, aux: { Tag: tag, Digest: digest, Size: size } },
  ];
}

/** A step of a load; `quiet`: without the layers. */
export function loadMessages(step: LoadProgress, quiet: boolean): ProgressMessage[] {
  if (step.type === 'loaded') {
    const { references, image } = step;
    if (references.length === 0) return [{ stream: `Loaded image ID: ${image.id}\n` }];
    return references.map((name) => ({ stream: `Loaded image: ${familiar(name)}\n` }));
  }
  if (quiet) return [];
  if (step.type === 'warning') return [{ stream: `${step.message}\n` }];
  if (step.status === 'exists') return [];
  return [measured(shortDigest(step.digest), 'Loading layer', step.current, step.total)];
}

function plain(id: string, status: string): ProgressMessage {
  return { status, progressDetail: {}, id };
}

function measured(id: string, status: string, current: number, total: number): ProgressMessage {
  return { status, progressDetail: { current, total }, progress: progressBar(current, total), id };
}

function shortDigest(digest: string): string {
  return digest.slice('sha256:'.length, 'sha256:'.length + 12);
}
