import type { ImageDetail } from '../../../lib/registry-server/api-documents.ts';
import { Section } from './section.tsx';

/** How a container of an image runs. What it does not say is left out. */
export function ImageConfig({ image }: { readonly image: ImageDetail }) {
  const { entrypoint, cmd, user, workingDir, exposedPorts, volumes, env, labels } = image;
  const rows: readonly (readonly [string, readonly string[]])[] = [
    ['Entrypoint', shellOf(entrypoint)],
    ['Command', shellOf(cmd)],
    ['User', user === undefined ? [] : [user]],
    ['Working directory', workingDir === undefined ? [] : [workingDir]],
    ['Ports', exposedPorts],
    ['Volumes', volumes],
    ['Environment', env],
    ['Labels', Object.entries(labels).map(([key, value]) => `${key}=${value}`)],
  ];
  const said = rows.filter(([, values]) => values.length > 0);
  if (said.length === 0) return null;
  return (
    <Section title="Configuration">
      <dl class="card pairs">
        {said.map(([name, values]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              {values.map((value) => (
                <code key={value}>{value}</code>
              ))}
            </dd>
          </div>
        ))}
      </dl>
    </Section>
  );
}

/** As one would write it in a shell. */
function shellOf(words: readonly string[]): string[] {
  if (words.length === 0) return [];
  return [
    words
      .map((word) => (/^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
      .join(' '),
  ];
}
