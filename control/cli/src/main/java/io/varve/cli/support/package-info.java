/**
 * What a support bundle is made of: the rules that keep secrets out of it, and its archive. Pure but for the stream given. What a node puts in is
 * gathered in {@code io.varve.cli.server}, what the cluster knows in {@code io.varve.cli.command}.
 */
@NullMarked
package io.varve.cli.support;

import org.jspecify.annotations.NullMarked;
