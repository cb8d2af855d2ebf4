/** Random inputs of properties. With MESHMOCK_TEST_SEED=N each run has the same ones, as in `.ci/run`. */
import fc from 'fast-check';

const seed = process.env.MESHMOCK_TEST_SEED;
if (seed !== undefined) fc.configureGlobal({ seed: Number(seed) });

export default fc;
