// `node --import dist/simulation/planted-bugs/plant.js …` with OTTLA_PLANTED_BUG=<name>: loads the code with that bug in it. The
// file on the disk stays as it is.
import { register } from 'node:module';
import { PLANTED_BUGS } from './bugs.ts';

const name = process.env.OTTLA_PLANTED_BUG;
if (name !== undefined) {
  const bug = PLANTED_BUGS.find((each) => each.name === name);
  if (bug === undefined) throw new Error(`there is no planted bug ${name}`);
  register('./load-hook.js', import.meta.url, { data: bug });
}
