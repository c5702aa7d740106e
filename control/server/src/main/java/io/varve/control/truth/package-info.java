/**
 * Calling the management address of other nodes: one call with a deadline, and the client that data nodes use to reach whichever
 * metadata member answers. Everything runs on Vert.x contexts and never blocks.
 */
@NullMarked
package io.varve.control.truth;

import org.jspecify.annotations.NullMarked;
