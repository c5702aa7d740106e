/**
 * {@code varve demo}: a whole cluster on this machine, a database on it, and a live view. Everything that it starts, mounts
 * or attaches is entered into {@link io.varve.cli.demo.Teardown} in the moment it exists and undone in reverse, whatever
 * happens. Plain sequential code on the command's thread.
 */
@NullMarked
package io.varve.cli.demo;

import org.jspecify.annotations.NullMarked;
