/**
 * The journal of one disk group: byte layouts, group commit, and finding the end of history after a crash. Formats are in
 * {@code docs/internals/journal.md}. Uses disk and what lies below, and the record types of {@code store}.
 */
@NullMarked
package io.varve.dataplane.store.journal;

import org.jspecify.annotations.NullMarked;
