/**
 * Who decides where copies go when nodes or disks are lost, leave or come: {@link io.varve.control.rebuild.RebuildPlan}, a pure function of the
 * truth, of what was heard from whom, and of its own memory. docs/internals/rebuild.md says by which rules. Knows no clock, no thread, no network;
 * whoever runs it brings the time and carries out the commands.
 */
@NullMarked
package io.varve.control.rebuild;

import org.jspecify.annotations.NullMarked;
