import { useState } from 'preact/hooks';
import type { ManifestKind } from '../../../lib/registry-server/api-documents.ts';
import { Command } from './copy-button.tsx';

/** Programs that pull, and how each is told to. */
const commands = {
  docker: (image: string) => `docker pull ${image}`,
  podman: (image: string) => `podman pull ${image}`,
  strake: (image: string) => `strake pull ${image}`,
  skopeo: (image: string) => `skopeo copy docker://${image} oci:image`,
  oras: (image: string) => `oras pull ${image}`,
} as const;

type Program = keyof typeof commands;

interface Props {
  readonly name: string;
  readonly reference: string;
  readonly kind: ManifestKind;
}

/** How this is pulled, by the program of one's choice. What is no image is for oras. */
export function PullCommands({ name, reference, kind }: Props) {
  const isImage = kind === 'image' || kind === 'index';
  const programs: readonly Program[] = isImage
    ? ['docker', 'podman', 'strake', 'skopeo']
    : ['oras', 'skopeo'];
  const [program, setProgram] = useState<Program>(programs[0] ?? 'docker');
  const image = `${location.host}/${name}${reference.includes(':') ? '@' : ':'}${reference}`;
  return (
    <div class="pull">
      <fieldset class="choices">
        <legend class="hidden">Program to pull with</legend>
        {programs.map((one) => (
          <button key={one} type="button" aria-pressed={one === program} onClick={() => setProgram(one)}>
            {one}
          </button>
        ))}
      </fieldset>
      <Command text={commands[program](image)} what="pull command" />
    </div>
  );
}
