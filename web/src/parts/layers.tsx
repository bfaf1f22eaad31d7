import type { LayerDetail } from '../../../lib/registry-server/api-documents.ts';
import { count, formatSize } from '../format.ts';
import { Bar } from './bar.tsx';
import { Section } from './section.tsx';
import { DigestText } from './text.tsx';

/** The steps that made an image, with the layers that came of them. The bars compare their sizes. */
export function Layers({ layers }: { readonly layers: readonly LayerDetail[] }) {
  const sizes = layers.map(({ blob }) => blob?.size ?? 0);
  const largest = Math.max(1, ...sizes);
  const number = layers.filter(({ blob }) => blob).length;
  return (
    <Section title="Layers" note={`${number} by ${count(layers.length, 'step')}`}>
      <ol class="layers">
        {layers.map(({ createdBy, comment, blob }, at) => (
          <li key={`${at} ${blob?.digest ?? ''}`} data-empty={blob === undefined}>
            <code class="made-by">
              {createdBy === undefined ? (comment ?? 'not told') : commandOf(createdBy)}
            </code>
            {blob ? (
              <div class="layer">
                <Bar label={`Size of layer ${at + 1}, of the largest`} value={blob.size} largest={largest} />
                <span class="number">{formatSize(blob.size)}</span>
                <span class="wide">
                  <DigestText digest={blob.digest} what={`digest of layer ${at + 1}`} />
                </span>
              </div>
            ) : (
              <span class="dim no-layer">no layer</span>
            )}
          </li>
        ))}
      </ol>
    </Section>
  );
}

/** As the Dockerfile had it: builders write the shell around it. */
function commandOf(createdBy: string): string {
  return createdBy
    .replace(/^\/bin\/sh -c #\(nop\)\s+/, '')
    .replace(/^(?:RUN )?\/bin\/sh -c /, 'RUN ')
    .replace(/ # buildkit$/, '');
}
