/** Starts a Trino node; the version is an argument because loose jars do not carry it. */
public final class Main
{
    private Main() {}

    public static void main(String[] args)
    {
        new io.trino.server.Server().start(args[0]);
    }
}
