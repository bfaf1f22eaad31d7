import test from 'ava';
import { type ApiDaemon, dockerCommand, startDockerApi, startStrakeApi } from '../fixtures/api-daemon.ts';
import { chapters } from '../fixtures/docker-tour.ts';
import { canRun } from '../fixtures/oci-engines.ts';
import { Transcript } from '../fixtures/transcript.ts';

if (await canRun(dockerCommand, 'dockerd', 'containerd', 'ctr', 'skopeo', 'docker-registry', 'curl'))
  defineTests();
else test.skip("docker's command works at strake serve as at dockerd", () => {});

function defineTests(): void {
  let strake: ApiDaemon;
  let dockerd: ApiDaemon;

  test.before(async () => {
    [strake, dockerd] = await Promise.all([startStrakeApi(), startDockerApi()]);
  });

  test.after.always(async () => {
    await Promise.all([strake?.[Symbol.asyncDispose](), dockerd?.[Symbol.asyncDispose]()]);
  });

  for (const { title, walk } of chapters)
    test.serial(`${title}: what is printed, and the exit codes, are as with dockerd`, async (t) => {
      const tours = [new Transcript(strake), new Transcript(dockerd)] as const;
      const walked = await Promise.allSettled(tours.map(walk));
      await Promise.all(tours.map((tour) => tour.clean()));
      const failures = walked.flatMap((outcome) =>
        outcome.status === 'rejected' ? [String(outcome.reason)] : [],
      );
      t.deepEqual(failures, []);
      t.deepEqual(tours[0].entries, tours[1].entries);
    });
}
