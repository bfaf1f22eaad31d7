import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { probeErofs } from '../../bindings/probe.ts';
import { buildImage, noise } from '../fixtures/image.ts';
import { startQuirkyRegistry } from '../fixtures/quirky-registry.ts';
import { mustRun } from '../fixtures/run-program.ts';
import { diskFolder } from '../fixtures/temporary-folder.ts';

/** KiB that a pull may take beyond what the process has before, whatever the layer's size. */
const bound = 64 * 1024;

const mebibyte = 1 << 20;
const program = fileURLToPath(new URL('../fixtures/memory-program.ts', import.meta.url));

const large = {
  'of 512 MiB of zeros': { path: 'file', content: Buffer.alloc(512 * mebibyte) },
  'of 96 MiB that cannot be compressed': { path: 'file', content: noise(96 * mebibyte) },
};

for (const [what, entry] of Object.entries(large)) {
  const image = buildImage({ layers: [{ entries: [entry] }] });

  test(`the pull of a layer ${what} takes no more than 64 MiB, as its tar and as a directory`, async (t) => {
    await using registry = await startQuirkyRegistry();
    const small = registry.add(buildImage({ layers: [{ entries: [{ path: 'small' }] }] }), 'small');
    const reference = registry.add(image, 'large');
    for (const form of formsOn(t)) {
      const [grown] = (await mustRun(process.execPath, argv(diskFolder(t), form, [small, reference]))).split(
        '\n',
      );
      t.log(`${form}: ${Math.round(Number(grown) / 1024)} MiB`);
      t.true(/^\d+$/.test(grown ?? '') && Number(grown) <= bound, `${form}: ${grown} KiB`);
    }
  });
}

function formsOn(t: ExecutionContext): readonly ('erofs' | 'directory')[] {
  return probeErofs(diskFolder(t)) === '' ? ['erofs', 'directory'] : ['directory'];
}

function argv(root: string, form: string, references: readonly string[]): string[] {
  return ['--import=tsx', program, root, form, ...references];
}
