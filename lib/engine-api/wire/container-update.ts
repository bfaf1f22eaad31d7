import type { RestartPolicyName, UpdateOptions } from '../../containers/index.ts';
import type { Fields } from '../json-fields.ts';
import { limitOptions } from './resources.ts';

/** The body of POST /containers/{id}/update: docker's Resources and RestartPolicy; what is 0 or absent stays. @throws Refusal 400 */
export function updateOptions(body: Fields): UpdateOptions {
  const policy = body.object('RestartPolicy');
  const name = policy?.text('Name');
  return {
    limits: limitOptions(body),
    ...(name && {
      restart: {
        policy: name as RestartPolicyName,
        maximumRetries: policy?.integer('MaximumRetryCount') ?? 0,
      },
    }),
  };
}
