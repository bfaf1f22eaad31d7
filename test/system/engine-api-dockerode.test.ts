import test from 'ava';
import { dockerodeContract } from '../contracts/dockerode.ts';
import { type ApiDaemon, dockerCommand, startStrakeApi } from '../fixtures/api-daemon.ts';
import { canRun } from '../fixtures/oci-engines.ts';

if (await canRun(dockerCommand, 'skopeo')) defineTests();
else test.skip('dockerode works at strake serve', () => {});

function defineTests(): void {
  let daemon: ApiDaemon;

  test.before(async () => {
    daemon = await startStrakeApi();
  });

  test.after.always(async () => {
    await daemon?.[Symbol.asyncDispose]();
  });

  dockerodeContract(test, () => daemon);
}
