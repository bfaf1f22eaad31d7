import type { Config } from '../config/index.ts';
import { parseUserNamespace, type UserNamespaceDefaults } from '../containers/index.ts';
import type { EngineOptions } from './engine.ts';

/** What the engine was told of user namespaces, else its configuration, which is read by the first container that is made. */
export function userNamespaceDefaults(
  options: Pick<EngineOptions, 'config' | 'userns'>,
): UserNamespaceDefaults {
  const asked = parseUserNamespace(options.userns);
  let config: Promise<Config> | undefined;
  const userns = async () => {
    config ??= import('../config/index.ts').then(({ loadConfig }) =>
      loadConfig(options.config === undefined ? {} : { file: options.config }),
    );
    return (await config).userns;
  };
  return {
    users: userns,
    byDefault: async () => asked ?? parseUserNamespace((await userns()).default) ?? { mode: 'host' },
  };
}
