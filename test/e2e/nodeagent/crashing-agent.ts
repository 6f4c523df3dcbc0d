/** The agent's own process, but for where it dies. */
import './crash-here.ts';
import '../../../nodeagent/main.ts';
