package io.varve.control.membership;

/** Ends a membership as a crash would. */
public final class MembershipEnd {
    private MembershipEnd() {}

    public static void of(Membership membership) {
        membership.member().orElseThrow().stop();
    }
}
