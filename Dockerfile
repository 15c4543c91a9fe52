# A board that plays, in a container; it prints the address of the page that shows it:
#   docker build -t tnemu . && docker run --rm -p 127.0.0.1:8000:8000 tnemu
# Any other command follows the name: docker run --rm tnemu zoo
FROM python:3.13-slim
RUN useradd --create-home tnemu
COPY . /src
RUN pip install --no-cache-dir /src && rm -rf /src
USER tnemu
WORKDIR /home/tnemu
EXPOSE 8000
# compiled once, when the image is made: the first game starts at once
RUN tnemu doctor --warm
ENTRYPOINT ["tnemu"]
CMD ["play", "--web", "--address", "0.0.0.0", "--port", "8000"]
